#include "apps/checkpoint/checkpoint.h"

#include <algorithm>
#include <optional>

#include "apps/checkpoint/checkpoint_row.h"
#include "apps/checkpoint/python_text.h"
#include "kernels/error.h"
#include "layers/layer.h"
#include "runtime/cudet.h"

namespace cudet::convert {
namespace {

/// Returns a member of a dict or an attribute of an object (such as a namespace) that is not None.
std::optional<PickleValue> member(std::optional<PickleValue> value, std::string_view name) {
  if (!value) return std::nullopt;
  const auto found = value->is_dict() ? value->find(name) : value->attribute(name);
  return found && found->none() ? std::nullopt : found;
}

/// Returns the network inside of its wrappers: DataParallel and DistributedDataParallel hold it as `module`, a YOLO
/// object as `model`.
PickleValue unwrap(PickleValue model) {
  constexpr int kMaxWrappers = 8;
  for (int i = 0; i < kMaxWrappers; ++i) {
    const auto modules = member(model, "_modules");
    if (const auto parallel = member(modules, "module"); parallel && modules->entries() == 1) {
      model = *parallel;
      continue;
    }
    const auto network = member(modules, "model");
    if (!member(member(network, "_modules"), "model")) break;
    model = *network;
  }
  return model;
}

/// Returns the module to convert, chosen as Ultralytics does.
PickleValue find_model(PickleValue root) {
  if (root.is_object()) return root;
  if (!root.is_dict()) throw Error("contains no network");
  auto model = member(root, "ema");
  if (!model) model = member(root, "model");
  const PickleValue candidate = model.value_or(root);
  if (candidate.is_object()) return candidate;
  for (std::size_t i = 0; i < candidate.entries(); ++i)
    if (TorchFile::is_tensor(candidate.value(i)) || candidate.value(i).is_dict())
      throw Error("contains only weights (a state dict), no network: save the whole model, as Ultralytics does");
  throw Error("contains no network: it has neither \"ema\" nor \"model\"");
}

/// Returns height and width from `imgsz`: a number, or a list of one or two numbers.
std::optional<std::pair<int, int>> input_size(std::optional<PickleValue> imgsz) {
  if (!imgsz) return std::nullopt;
  std::vector<std::int64_t> sizes = imgsz->integers();
  if (const auto one = imgsz->integer()) sizes = {*one, *one};
  if (sizes.size() == 1) sizes.push_back(sizes[0]);
  if (sizes.size() != 2) return std::nullopt;
  for (const std::int64_t size : sizes)
    if (size < 1 || size > kMaxInput) return std::nullopt;
  return std::pair(static_cast<int>(sizes[0]), static_cast<int>(sizes[1]));
}

/// Returns the class names from a dict {0: "person", …} or a list, as Ultralytics prints them. A class without a name
/// gets its index as its name. Throws Error if the keys of a dict do not count from 0.
std::vector<std::string> class_names(std::optional<PickleValue> given, std::int64_t classes) {
  if (classes > kMaxChannels)
    throw Error("has " + std::to_string(classes) + " classes, at most " + std::to_string(kMaxChannels) +
                " are supported");
  if (given && !given->is_dict() && !given->is_list()) throw Error("its class names are neither a dict nor a list");
  std::vector<std::string> names;
  for (std::int64_t i = 0; i < classes; ++i) names.push_back(std::to_string(i));
  const auto set = [&](std::size_t index, PickleValue value) {
    const std::optional<std::string> name = python_text(value);
    if (!name) throw Error("the name of class " + std::to_string(index) + " is neither a text nor a number");
    if (index < names.size()) names[index] = *name;
  };
  for (std::size_t i = 0; given && i < given->size(); ++i) set(i, (*given)[i]);
  const std::size_t count = given ? given->entries() : 0;
  std::vector<bool> seen(count);
  for (std::size_t i = 0; i < count; ++i) {
    const std::optional<std::int64_t> key = python_integer(given->key(i));
    if (!key || *key < 0 || static_cast<std::size_t>(*key) >= count || seen[static_cast<std::size_t>(*key)])
      throw Error("the keys of its class names do not count from 0 to " + std::to_string(count - 1));
    seen[static_cast<std::size_t>(*key)] = true;
    set(static_cast<std::size_t>(*key), given->value(i));
  }
  return names;
}

/// Gives all batch norms one eps, the smallest, and adds the difference to the variances of the others.
void unify_eps(TorchWeights& weights, TorchFile& file, ModelTable& table) {
  if (weights.bn_eps.empty()) return;
  table.bn_eps = std::min_element(weights.bn_eps.begin(), weights.bn_eps.end(), [](const auto& a, const auto& b) {
                   return a.second < b.second;
                 })->second;
  for (const auto& [name, eps] : weights.bn_eps) {
    if (eps == table.bn_eps) continue;
    StoredTensor& variance = weights.tensors.at(name);
    std::vector<float> values = variance.to_f32();
    for (float& value : values) value = static_cast<float>(value + (eps - table.bn_eps));
    variance = file.own(variance.shape, values);
  }
}

/// Finds the network's activation, the most frequent one, and the Convs with another.
void unify_activations(const TorchWeights& weights, ModelTable& table) {
  using ConvActivation = TorchWeights::ConvActivation;
  std::vector<std::pair<ActivationFunction, int>> counts;
  for (const ConvActivation& conv : weights.activations) {
    if (!conv.activated || conv.function.kind == Activation::none) continue;
    const auto same =
        std::find_if(counts.begin(), counts.end(), [&](const auto& c) { return c.first == conv.function; });
    same == counts.end() ? counts.push_back({conv.function, 1}) : void(++same->second);
  }
  const auto most =
      std::max_element(counts.begin(), counts.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  if (most != counts.end()) table.activation = most->first;
  for (const ConvActivation& conv : weights.activations)
    if (conv.function != (conv.activated ? table.activation : ActivationFunction{}))
      table.activations.emplace(conv.name, conv.function);
}

Json row_inputs(const TorchModule& module) {
  if (const auto one = module.integer("f")) return *one;
  const auto list = module.attribute("f");
  if (!list || list->integers().empty()) throw module.fault("its input rows (attribute f) are missing");
  return list->integers();
}

}  // namespace

Checkpoint read_checkpoint(TorchFile file) {
  const PickleValue root = file.root();
  const PickleValue outer = find_model(root), model = unwrap(outer);
  Checkpoint checkpoint{{}, {}, std::move(file), ""};
  TorchWeights weights(checkpoint.file);
  const auto sequence = member(model.attribute("_modules"), "model");
  if (!sequence)
    throw Error("contains an object of the type " + std::string(model.name()) +
                ", which is not an Ultralytics network");

  ModelTable& table = checkpoint.table;
  const auto yaml = member(model, "yaml");
  const auto backbone = member(yaml, "backbone");
  const std::vector<TorchModule> rows = TorchModule(*sequence, "model").children();
  if (rows.empty()) throw Error("contains a network without rows");
  std::size_t boundary = backbone ? backbone->size() : 10;  // the backbone of each YOLOv8 has 10 rows
  if (boundary == 0 || boundary >= rows.size()) boundary = rows.size() - 1;
  std::int64_t classes = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const TorchModule row = rows[i].as_row();
    try {
      if (row.integer("i").value_or(static_cast<std::int64_t>(i)) != static_cast<std::int64_t>(i))
        throw Error("its row number (attribute i) does not match its position");
      ModelRow converted = read_checkpoint_row(row, weights);
      converted.from = row_inputs(row);
      if (converted.module == "Detect") classes = weights.tensors.at(row.name() + ".cv3.0.2.bias").shape[0];
      (i < boundary ? table.backbone : table.head).push_back(std::move(converted));
    } catch (const Error& error) {
      throw Error(row.name() + " (" + std::string(row.kind()) + "): " + error.what());
    }
  }
  if (table.head.empty() || table.head.back().module != "Detect") throw Error("the last row is not Detect");

  table.classes = static_cast<int>(classes);
  table.strides = weights.strides;
  table.names = class_names(member(model, "names"), classes);
  unify_eps(weights, checkpoint.file, table);
  unify_activations(weights, table);
  table.channels = static_cast<int>(std::min<std::int64_t>(weights.input_channels.value_or(3), kMaxChannels));
  for (const auto arguments : {member(root, "train_args"), member(model, "args"), member(outer, "overrides")})
    if (const auto size = input_size(member(arguments, "imgsz"))) {
      std::tie(table.height, table.width) = *size;
      break;
    }
  if (const auto scale = member(yaml, "scale"); scale && scale->text()) checkpoint.scale = *scale->text();
  checkpoint.weights = std::move(weights.tensors);
  return checkpoint;
}

}  // namespace cudet::convert
