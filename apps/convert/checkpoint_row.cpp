#include "apps/convert/checkpoint_row.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <set>

#include "apps/convert/conv_module.h"
#include "layers/layer.h"

namespace cudet::convert {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kMaxScale = 1024;  // products with its square fit in 64 bits; the limit of the runtime is far lower

/// Returns one number if both are equal, otherwise the pair.
Json extent(ConvInfo::Pair pair) {
  return pair.first == pair.second ? Json(pair.first) : Json{pair.first, pair.second};
}

/// Appends the named arguments to the positional ones, if there are any.
Json with_named(Json positional, Json named) {
  if (!named.empty()) positional.push_back(std::move(named));
  return positional;
}

void expect_activated(const TorchModule& module, const ConvInfo& conv) {
  if (!conv.activated) throw module.fault("has no activation, expected SiLU");
}

ModelRow conv_row(const TorchModule& module, TorchWeights& weights) {
  const ConvInfo conv = read_conv(module, weights);
  Json named = Json::object();
  if (conv.padding != conv.same_padding()) named["p"] = extent(conv.padding);
  if (conv.groups != 1) named["g"] = conv.groups;
  if (conv.dilation != ConvInfo::Pair(1, 1)) named["d"] = extent(conv.dilation);
  if (!conv.activated) named["act"] = false;
  return {{}, 1, "Conv", with_named({conv.out, extent(conv.kernel), extent(conv.stride)}, named)};
}

ModelRow c2f_row(const TorchModule& module, TorchWeights& weights) {
  module.expect_children({"cv1", "cv2", "m"});
  module.expect_parameters({});
  const TorchModule first = module.child("cv1"), last = module.child("cv2");
  const ConvInfo split = read_plain_conv(first, weights, 1), joined = read_plain_conv(last, weights, 1);
  expect_activated(first, split);
  expect_activated(last, joined);
  const std::int64_t hidden = split.out / 2;
  const std::vector<TorchModule> bottlenecks = module.child("m").children();
  if (bottlenecks.empty()) throw module.fault("has no Bottleneck");
  if (split.out % 2 != 0 || joined.in != (2 + static_cast<std::int64_t>(bottlenecks.size())) * hidden)
    throw module.fault("the channels of cv1 and cv2 do not match");

  std::optional<bool> shortcut;
  std::optional<std::int64_t> groups;
  for (const TorchModule& bottleneck : bottlenecks) {
    bottleneck.expect_kind("Bottleneck");
    bottleneck.expect_children({"cv1", "cv2"});
    bottleneck.expect_parameters({});
    const TorchModule inner = bottleneck.child("cv1"), outer = bottleneck.child("cv2");
    const auto own_groups = outer.child("conv").integer("groups");
    if (!own_groups) throw outer.fault("groups is missing");
    const ConvInfo one = read_plain_conv(inner, weights, 3), two = read_plain_conv(outer, weights, 3, *own_groups);
    expect_activated(inner, one);
    expect_activated(outer, two);
    if (one.in != hidden || one.out != hidden || two.in != hidden || two.out != hidden)
      throw bottleneck.fault("expected " + std::to_string(hidden) + " input and output channels in both convolutions");
    if (shortcut.value_or(bottleneck.flag("add")) != bottleneck.flag("add") ||
        groups.value_or(*own_groups) != *own_groups)
      throw bottleneck.fault("its shortcut or groups differ from the Bottleneck before it");
    shortcut = bottleneck.flag("add");
    groups = own_groups;
  }

  Json named = Json::object();
  if (*groups != 1) named["g"] = *groups;
  // The hidden channels are ⌊out · e⌋; adding 0.5 makes the result independent of how the quotient is rounded.
  if (joined.out / 2 != hidden) named["e"] = (static_cast<double>(hidden) + 0.5) / static_cast<double>(joined.out);
  return {{}, static_cast<int>(bottlenecks.size()), "C2f", with_named({joined.out, *shortcut}, named)};
}

ModelRow sppf_row(const TorchModule& module, TorchWeights& weights) {
  module.expect_children({"cv1", "cv2", "m"});
  module.expect_parameters({});
  const TorchModule last = module.child("cv2"), pool = module.child("m");
  const ConvInfo first = read_plain_conv(module.child("cv1"), weights, 1), joined = read_plain_conv(last, weights, 1);
  expect_activated(last, joined);
  pool.expect_kind("MaxPool2d");
  const auto kernel = pool.pair("kernel_size"), stride = pool.pair("stride"), padding = pool.pair("padding");
  const auto dilation = pool.pair("dilation");
  const ConvInfo::Pair ones{1, 1};
  if (!kernel || kernel->first != kernel->second || stride != ones || dilation.value_or(ones) != ones ||
      pool.flag("ceil_mode") || padding != ConvInfo::Pair(kernel->first / 2, kernel->first / 2))
    throw pool.fault("its kernel, stride, padding or dilation does not match SPPF");
  const std::int64_t poolings = module.integer("n").value_or(3);  // missing in older checkpoints
  if (first.out != first.in / 2 || joined.in % first.out != 0 || joined.in / first.out - 1 != poolings)
    throw module.fault("the channels of cv1 and cv2 do not match");

  Json named = Json::object();
  if (poolings != 3) named["n"] = poolings;
  if (module.flag("add")) named["shortcut"] = true;
  if (!first.activated) named["cv1_act"] = false;
  return {{}, 1, "SPPF", with_named({joined.out, kernel->first}, named)};
}

ModelRow concat_row(const TorchModule& module) {
  const std::int64_t dimension = module.integer("d").value_or(0);
  if (dimension != 1) throw module.fault("only concatenation along channels is supported");
  return {{}, 1, "Concat", Json{1}};
}

ModelRow upsample_row(const TorchModule& module) {
  if (module.attribute("size")) throw module.fault("a fixed size is not supported");
  const auto mode = module.attribute("mode");
  const std::string name = mode ? std::string(mode->text().value_or("?")) : "?";
  if (name != "nearest" && name != "bilinear") throw module.fault("only modes nearest and bilinear are supported");
  Json named = Json::object();
  if (name == "bilinear" && module.flag("align_corners")) named["align_corners"] = true;
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
  const bool biased = module.parameter("bias").has_value();
  if (biased) weights.take(module, "bias", {out});

  Json named = Json::object();
  const ConvInfo::Pair output_padding = pair("output_padding"), dilation = pair("dilation");
  if (output_padding != ConvInfo::Pair(0, 0)) named["output_padding"] = extent(output_padding);
  if (groups != 1) named["groups"] = groups;
  if (!biased) named["bias"] = false;
  if (dilation != ConvInfo::Pair(1, 1)) named["dilation"] = extent(dilation);
  const Json sizes{out, extent({shape[2], shape[3]}), extent(pair("stride")), extent(pair("padding"))};
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
  return {{}, 1, "nn.ZeroPad2d", Json::array({Json(pads)})};
}

/// Whether `values` are the standard sampling positions of DySample without offsets: for each group (j − (s−1)/2)/s for
/// x, then for each group (i − (s−1)/2)/s for y, where i and j are row and column of the s × s samples.
bool is_standard_init_pos(const std::vector<float>& values, std::int64_t scale, std::int64_t groups) {
  const std::int64_t samples = scale * scale;  // per group
  if (values.size() != static_cast<std::size_t>(2 * groups * samples)) return false;
  for (std::size_t k = 0; k < values.size(); ++k) {
    const std::int64_t sample = static_cast<std::int64_t>(k) % samples;
    const std::int64_t index = static_cast<std::int64_t>(k) < groups * samples ? sample % scale : sample / scale;
    const double expected =
        (static_cast<double>(index) - static_cast<double>(scale - 1) / 2) / static_cast<double>(scale);
    if (!(std::abs(values[k] - expected) <= 1e-3)) return false;
  }
  return true;
}

ModelRow dysample_row(const TorchModule& module, TorchWeights& weights) {
  module.expect_children({"offset", "scope"});
  module.expect_parameters({"init_pos"});
  const auto pointwise = [&](const TorchModule& m) {
    const ConvInfo conv = read_conv2d(m, weights);
    const ConvInfo::Pair ones{1, 1}, none{0, 0};
    if (conv.kernel != ones || conv.stride != ones || conv.padding != none || conv.groups != 1)
      throw m.fault("is not a 1×1 convolution");
    return conv;
  };
  const ConvInfo offset = pointwise(module.child("offset"));
  if (!offset.biased) throw module.fault("its offset convolution has no bias");
  std::vector<float> init_pos;
  if (module.parameter("init_pos")) init_pos = weights.values(module, "init_pos");
  const std::int64_t positions = static_cast<std::int64_t>(init_pos.size());

  std::int64_t scale = module.integer("scale").value_or(0);
  if (!module.attribute("scale"))  // init_pos has `scale` different values
    scale = static_cast<std::int64_t>(std::set<float>(init_pos.begin(), init_pos.end()).size());
  if (scale < 1 || scale > kMaxScale) throw module.fault("its scale is missing or out of range");
  std::string style = positions > 0 && positions != offset.out ? "pl" : "lp";
  if (const auto given = module.attribute("style")) style = given->text().value_or("?");
  if (style != "lp" && style != "pl") throw module.fault("style " + style + " is not supported, expected lp or pl");
  const std::int64_t each = 2 * (style == "pl" ? 1 : scale * scale);  // offsets per group
  const std::int64_t groups = module.integer("groups").value_or(offset.out / each);
  if (groups < 1 || offset.out % each != 0 || offset.out / each != groups)
    throw module.fault("its offset convolution has " + std::to_string(offset.out) + " channels, expected " +
                       std::to_string(each) + " per group");
  if (positions > 0 && !is_standard_init_pos(init_pos, scale, groups))
    throw module.fault("init_pos differs from the standard positions of DySample: this variant is not supported");
  const std::optional<TorchModule> scope = module.find("scope");
  if (scope) {
    const ConvInfo conv = pointwise(*scope);
    if (conv.out != offset.out || conv.in != offset.in) throw module.fault("scope and offset have different channels");
  }
  return {{}, 1, "DySample", {scale, style, groups, scope.has_value()}};
}

ModelRow detect_row(const TorchModule& module, TorchWeights& weights) {
  if (module.find("one2one_cv2") || module.find("one2one_cv3") || module.flag("end2end") || module.flag("_end2end"))
    throw module.fault("end-to-end heads are not supported");
  module.expect_children({"cv2", "cv3", "dfl"});
  module.expect_parameters({"anchors", "strides", "stride"});
  const std::vector<TorchModule> boxes = module.child("cv2").children(), scores = module.child("cv3").children();
  if (boxes.empty() || boxes.size() != scores.size())
    throw module.fault("cv2 and cv3 have different numbers of levels");

  std::int64_t classes = 0, outputs = 0, first_in = 0;
  for (std::size_t level = 0; level < boxes.size(); ++level) {
    std::int64_t level_in = 0;
    for (const bool is_box : {true, false}) {
      const TorchModule& branch = is_box ? boxes[level] : scores[level];
      branch.expect_kind("Sequential");
      branch.expect_children({"0", "1", "2"});
      const TorchModule one = branch.child("0"), two = branch.child("1"), three = branch.child("2");
      if (one.kind() == "Sequential") throw module.fault("heads of YOLO11 and newer are not supported");
      const ConvInfo a = read_plain_conv(one, weights, 3), b = read_plain_conv(two, weights, 3);
      expect_activated(one, a);
      expect_activated(two, b);
      const ConvInfo c = read_conv2d(three, weights);
      if (c.kernel != ConvInfo::Pair(1, 1) || c.stride != ConvInfo::Pair(1, 1) || c.groups != 1 ||
          c.padding != ConvInfo::Pair(0, 0) || !c.biased)
        throw three.fault("is not a 1×1 convolution with a bias");
      if (level == 0 && is_box) first_in = a.in;
      if (level == 0) (is_box ? outputs : classes) = c.out;
      const std::int64_t hidden = is_box ? std::max({std::int64_t{16}, first_in / 4, outputs})
                                         : std::max(first_in, std::min<std::int64_t>(classes, 100));
      if (a.out != hidden || b.in != hidden || b.out != hidden || c.in != hidden)
        throw branch.fault("expected " + std::to_string(hidden) + " hidden channels, as in YOLOv8");
      if (c.out != (is_box ? outputs : classes))
        throw branch.fault("its output channels differ from those of the first level");
      if (!is_box && a.in != level_in) throw branch.fault("its input channels differ from those of the box branch");
      level_in = a.in;
    }
  }
  const std::int64_t bins = outputs / 4;
  if (outputs % 4 != 0 || bins < 2) throw module.fault("boxes without a distribution (reg_max 1) are not supported");
  if (const auto dfl = module.find("dfl")) {
    const TorchModule conv = dfl->child("conv");
    read_conv2d(conv, weights);
    const std::vector<float> values = weights.take(conv, "weight", {1, bins, 1, 1}).to_f32();
    for (std::int64_t i = 0; i < bins; ++i)
      if (values[static_cast<std::size_t>(i)] != static_cast<float>(i))
        throw dfl->fault("its weight is not 0, 1, 2, …");
  }
  Json arguments{"nc"};
  if (bins != 16) arguments.push_back(bins);
  return {{}, 1, "Detect", arguments};
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

bool is_dysample(std::string_view kind) {
  constexpr std::string_view kName = "dysample";
  return kind.size() >= kName.size() && std::equal(kName.begin(), kName.end(), kind.begin(), [](char a, char b) {
           return a == std::tolower(static_cast<unsigned char>(b));
         });
}

std::string why_unsupported(std::string_view kind) {
  constexpr std::array<std::pair<std::string_view, const char*>, 13> kFamilies{{{"Segment", "segmentation"},
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
                                                                                {"A2C2f", "YOLO12"},
                                                                                {"C3", "YOLOv5"}}};
  for (const auto& [name, family] : kFamilies)
    if (kind == name || kind == std::string(name) + "26") return std::string(family) + " models are not supported";
  return "this module is not supported";
}

ModelRow read_checkpoint_row(const TorchModule& module, TorchWeights& weights) {
  const std::string_view kind = module.kind();
  if (kind == "Conv" || kind == "DWConv") return conv_row(module, weights);
  if (kind == "C2f") return c2f_row(module, weights);
  if (kind == "SPPF") return sppf_row(module, weights);
  if (kind == "Concat") return concat_row(module);
  if (kind == "Upsample") return upsample_row(module);
  if (kind == "ConvTranspose2d") return conv_transpose_row(module, weights);
  if (kind == "ZeroPad2d") return zero_pad_row(module);
  if (kind == "Detect") return detect_row(module, weights);
  if (kind == "Sequential") return sequential_row(module, weights);
  if (is_dysample(kind)) return dysample_row(module, weights);
  throw module.fault(why_unsupported(kind));
}

}  // namespace cudet::convert
