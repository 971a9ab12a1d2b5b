// The network table of an Ultralytics YAML file.
#pragma once
#include <optional>
#include <string>

#include "apps/convert/model_table.h"

namespace cudet {

struct YamlOptions {
  std::string scale;           ///< empty: by the file's name ("yolov8s-mine.yaml": s), else the file's first
  std::optional<int> classes;  ///< in place of the file's nc
};

/// Reads a table: backbone and head row by row, nc, scales (or depth_multiple and width_multiple), names. `name` is the
/// file's, for the scale. Throws Error, without a path, where the runtime cannot run a row ("head row 12 (Segment):
/// …").
ModelTable read_yaml_model(const std::string& text, const std::string& name, const YamlOptions& options);

}  // namespace cudet
