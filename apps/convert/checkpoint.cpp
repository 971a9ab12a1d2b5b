#include "apps/convert/checkpoint.h"

#include <algorithm>
#include <optional>

#include "apps/convert/checkpoint_row.h"
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

/// Returns the class names from a dict {0: "person", …} or a list. A class without a name gets its index as its name.
std::vector<std::string> class_names(std::optional<PickleValue> given, std::int64_t classes) {
  if (classes > kMaxChannels)
    throw Error("has " + std::to_string(classes) + " classes, at most " + std::to_string(kMaxChannels) +
                " are supported");
  std::vector<std::string> names;
  for (std::int64_t i = 0; i < classes; ++i) names.push_back(std::to_string(i));
  const auto name = [&](std::optional<std::int64_t> index, PickleValue value) {
    if (const auto text = value.text(); text && index && *index >= 0 && *index < classes)
      names[static_cast<std::size_t>(*index)] = *text;
  };
  for (std::size_t i = 0; given && i < given->entries(); ++i) name(given->key(i).integer(), given->value(i));
  for (std::size_t i = 0; given && i < given->size(); ++i) name(static_cast<std::int64_t>(i), (*given)[i]);
  return names;
}

nlohmann::ordered_json row_inputs(const TorchModule& module) {
  if (const auto one = module.integer("f")) return *one;
  const auto list = module.attribute("f");
  if (!list || list->integers().empty()) throw module.fault("its input rows (attribute f) are missing");
  return list->integers();
}

}  // namespace

Checkpoint read_checkpoint(TorchFile file) {
  const PickleValue root = file.root();
  const PickleValue model = find_model(root);
  Checkpoint checkpoint{{}, {}, std::move(file), ""};
  TorchWeights weights(checkpoint.file);
  const auto sequence = member(model.attribute("_modules"), "model");
  if (!sequence) throw Error("contains a " + std::string(model.name()) + ", which is not an Ultralytics network");

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
  table.names = class_names(member(model, "names"), classes);
  table.bn_eps = weights.bn_eps.value_or(table.bn_eps);
  for (const auto arguments : {member(root, "train_args"), member(model, "args")})
    if (const auto size = input_size(member(arguments, "imgsz"))) {
      std::tie(table.height, table.width) = *size;
      break;
    }
  if (const auto scale = member(yaml, "scale"); scale && scale->text()) checkpoint.scale = *scale->text();
  checkpoint.weights = std::move(weights.tensors);
  return checkpoint;
}

}  // namespace cudet::convert
