// A model on 8-bit integers, from one in floating point.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "apps/convert/calibrate.h"
#include "runtime/model/safetensors.h"

namespace cudet::convert {

/// The model's weights with those of convolutions in 8 bits and a scale for each output channel, batch norm multiplied
/// in, and the ranges beside them. What is no convolution's of its own stays as it is.
class Int8Weights {
 public:
  /// `file`: the model's weights.
  Int8Weights(Safetensors file, const Model& model, const std::map<std::string, ValueRange>& ranges);
  const std::map<std::string, StoredTensor>& tensors() const { return tensors_; }

 private:
  void add_convolution(const std::string& name, const std::vector<int>& shape, const std::vector<float>& weight);
  void add_floats(const std::string& name, std::vector<std::int64_t> shape, const std::vector<float>& values);
  void add(const std::string& name, StoredTensor tensor, std::vector<std::byte> bytes);

  Safetensors file_;                            // what tensors that stay point into
  std::vector<std::vector<std::byte>> memory_;  // what the others do
  std::map<std::string, StoredTensor> tensors_;
};

/// The files of a folder that end as pictures do, by name. Throws Error where there is none.
std::vector<std::string> find_calibration_pictures(const std::string& folder);

/// Measures ranges on the pictures of a folder and writes STEM.json and STEM.safetensors; a line says so unless
/// `quiet`. Throws Error.
void convert_to_int8(const std::string& model, const std::string& folder, const std::string& stem, bool quiet);

}  // namespace cudet::convert
