// Reads the network table of an Ultralytics YAML file.
#pragma once
#include <optional>
#include <string>

#include "apps/checkpoint/model_table.h"

namespace cudet::convert {

struct YamlOptions {
  std::string scale;           ///< empty: from the file name ("yolov8s-mine.yaml": s), else the first in the file
  std::optional<int> classes;  ///< overrides nc of the file
};

/// Reads a table: the rows of backbone and head, nc, scales (or depth_multiple and width_multiple), names. name: file
/// name, used to choose the scale. Throws Error, without a path, if the text is not such a table or has a module that
/// the runtime does not support ("head row 12 (Segment): …"). check_runnable() checks the arguments of the modules.
ModelTable read_yaml_model(const std::string& text, const std::string& name, const YamlOptions& options);

}  // namespace cudet::convert
