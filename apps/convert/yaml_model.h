// The network table of an Ultralytics YAML file.
#pragma once
#include <optional>
#include <string>

#include "apps/convert/model_table.h"

namespace cudet::convert {

struct YamlOptions {
  std::string scale;           ///< empty: by the file's name ("yolov8s-mine.yaml": s), else the file's first
  std::optional<int> classes;  ///< in place of the file's nc
};

/// Reads a table: backbone and head row by row, nc, scales (or depth_multiple and width_multiple), names. `name` is the
/// file's, for the scale. Throws Error, without a path, where it isn't such a table or has a module that the runtime
/// lacks ("head row 12 (Segment): …"); what the modules make of their arguments is check_runnable's to say.
ModelTable read_yaml_model(const std::string& text, const std::string& name, const YamlOptions& options);

}  // namespace cudet::convert
