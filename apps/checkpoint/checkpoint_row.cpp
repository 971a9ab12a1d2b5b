#include "apps/checkpoint/checkpoint_row.h"

#include <array>
#include <cmath>

#include "apps/checkpoint/rows.h"
#include "layers/layer.h"

namespace cudet::convert {
namespace {

constexpr int kMaxScale = 1024;  // products with its square fit in 64 bits; the limit of the runtime is far lower

ModelRow concat_row(const TorchModule& module) {
  const std::int64_t dimension = module.integer("d").value_or(0);
  if (dimension != 1) throw module.fault("only concatenation along channels is supported");
  return {{}, 1, "Concat", {1}};
}

ModelRow max_pool_row(const TorchModule& module) {
  const PoolInfo pool = read_max_pool(module);
  return {{}, 1, "nn.MaxPool2d", {pool.kernel, pool.stride, pool.padding}};
}

ModelRow upsample_row(const TorchModule& module) {
  if (module.attribute("size")) throw module.fault("a fixed size is not supported");
  const auto mode = module.attribute("mode");
  const std::string name = mode ? std::string(mode->text().value_or("?")) : "?";
  if (name != "nearest" && name != "bilinear") throw module.fault("only modes nearest and bilinear are supported");
  Json::Object named;
  if (name == "bilinear" && module.flag("align_corners")) named.emplace_back("align_corners", true);
  const auto scale = module.attribute("scale_factor");
  std::optional<double> h, w;
  if (scale) h = scale->size() == 2 ? (*scale)[0].number() : scale->number();
  if (scale) w = scale->size() == 2 ? (*scale)[1].number() : scale->number();
  if (!h || h != w || !std::isfinite(*h)) throw module.fault("only one scale_factor for both axes is supported");
  const bool whole = *h == std::floor(*h) && std::abs(*h) <= kMaxScale;
  return {{}, 1, "Upsample", with_named({nullptr, whole ? Json(static_cast<int>(*h)) : Json(*h), name}, named)};
}

ModelRow conv_transpose_row(const TorchModule& module, TorchWeights& weights) {
  module.expect_children({});
  module.expect_parameters({"weight", "bias"});
  const auto mode = module.attribute("padding_mode");
  if (mode && mode->text() != "zeros") throw module.fault("only padding with zeros is supported");
  const auto pair = [&](const char* name) {
    const auto found = module.pair(name);
    if (!found) throw module.fault(std::string(name) + " is not a pair of numbers");
    return *found;
  };
  const std::vector<std::int64_t> shape = weights.take(module, "weight", {0, 0, 0, 0}).shape;  // C, K/groups, R, S
  const std::int64_t groups = module.integer("groups").value_or(0);
  if (groups < 1 || groups > shape[0] || shape[0] % groups != 0)
    throw module.fault("its channels are not divisible by its groups");
  const std::int64_t out = shape[1] * groups;
  const bool biased = weights.has(module, "bias");
  if (!weights.input_channels) weights.input_channels = shape[0];
  if (biased) weights.take(module, "bias", {out});

  Json::Object named;
  const ConvInfo::Pair output_padding = pair("output_padding"), dilation = pair("dilation");
  if (output_padding != ConvInfo::Pair(0, 0)) named.emplace_back("output_padding", extent(output_padding));
  if (groups != 1) named.emplace_back("groups", groups);
  if (!biased) named.emplace_back("bias", false);
  if (dilation != ConvInfo::Pair(1, 1)) named.emplace_back("dilation", extent(dilation));
  const Json::Array sizes{out, extent({shape[2], shape[3]}), extent(pair("stride")), extent(pair("padding"))};
  return {{}, 1, "nn.ConvTranspose2d", with_named(sizes, named)};
}

ModelRow zero_pad_row(const TorchModule& module) {
  module.expect_children({});
  module.expect_parameters({});
  const auto value = module.attribute("value");
  if (value && value->number() != 0.0) throw module.fault("only padding with zeros is supported");
  const auto padding = module.attribute("padding");  // left, right, top, bottom
  const std::vector<std::int64_t> pads = padding ? padding->integers() : std::vector<std::int64_t>();
  if (pads.size() != 4) throw module.fault("padding is not four numbers");
  return {{}, 1, "nn.ZeroPad2d", {pads}};
}

/// Sequential: one module with repeats. The modules must be equal except for the number of input channels.
ModelRow sequential_row(const TorchModule& module, TorchWeights& weights) {
  const std::vector<TorchModule> children = module.children();
  std::optional<ModelRow> row;
  for (const TorchModule& child : children) {
    const auto unsupported = [&] {
      return child.fault("a Sequential of " + std::string(child.kind()) + " is not supported");
    };
    if (child.kind() == "Sequential") throw unsupported();
    const ModelRow next = read_checkpoint_row(child, weights);
    const LayerType* layer = find_layer(next.module);
    if (!layer || layer->repeats == Repeats::inside || next.module == "Detect") throw unsupported();
    if (row && !(*row == next))
      throw child.fault("differs from the module before it: a Sequential of different modules is not supported");
    row = next;
  }
  if (!row) throw module.fault("an empty Sequential is not supported");
  row->repeats = static_cast<int>(children.size());
  return *row;
}

}  // namespace

std::string why_unsupported(std::string_view kind) {
  constexpr std::array<std::pair<std::string_view, const char*>, 12> kFamilies{{{"Segment", "segmentation"},
                                                                                {"YOLOESegment", "segmentation"},
                                                                                {"Pose", "pose"},
                                                                                {"OBB", "oriented-box"},
                                                                                {"Classify", "classification"},
                                                                                {"v10Detect", "YOLOv10"},
                                                                                {"SCDown", "YOLOv10"},
                                                                                {"WorldDetect", "YOLO-World"},
                                                                                {"YOLOEDetect", "YOLOE"},
                                                                                {"RTDETRDecoder", "RT-DETR"},
                                                                                {"C3k2", "YOLO11 and newer"},
                                                                                {"A2C2f", "YOLO12"}}};
  for (const auto& [name, family] : kFamilies)
    if (kind == name || kind == std::string(name) + "26") return std::string(family) + " models are not supported";
  return "this module is not supported";
}

ModelRow read_checkpoint_row(const TorchModule& module, TorchWeights& weights) {
  const std::string_view kind = module.kind();
  if (kind == "Conv" || kind == "DWConv") return conv_row(module, weights);
  if (kind == "GhostConv") return ghost_conv_row(module, weights);
  if (kind == "Focus") return focus_row(module, weights);
  if (kind == "Bottleneck") return bottleneck_row(module, weights);
  if (kind == "GhostBottleneck") return ghost_bottleneck_row(module, weights);
  if (kind == "C2f" || (kind.starts_with("C2f") && module.find("cv0"))) return c2f_row(module, weights);
  if (kind == "C2") return c2_row(module, weights);
  if (kind == "C3" || kind == "C3Ghost") return c3_row(module, weights);
  if (kind == "SPP") return spp_row(module, weights);
  if (kind == "SPPF") return sppf_row(module, weights);
  if (kind == "MaxPool2d") return max_pool_row(module);
  if (kind == "Identity") return {{}, 1, "nn.Identity", {}};
  if (kind == "Concat") return concat_row(module);
  if (kind == "Upsample") return upsample_row(module);
  if (kind == "ConvTranspose2d") return conv_transpose_row(module, weights);
  if (kind == "ZeroPad2d") return zero_pad_row(module);
  if (kind == "Detect") return detect_row(module, weights);
  if (kind == "Sequential") return sequential_row(module, weights);
  if (resembles_dysample(module)) return dysample_row(module, weights);
  throw module.fault(why_unsupported(kind));
}

}  // namespace cudet::convert
