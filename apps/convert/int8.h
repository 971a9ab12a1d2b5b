// Quantises a floating-point model to 8-bit integers.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "apps/convert/calibrate.h"
#include "runtime/model/safetensors.h"

namespace cudet::convert {

/// The weights of a quantised model: convolution weights in 8 bits with one scale per output channel and batch norm
/// folded in, and the value ranges. All other tensors are copied unchanged.
class Int8Weights {
 public:
  /// file: the weights of `model`. ranges: by the name of the module.
  Int8Weights(Safetensors file, const Model& model, const std::map<std::string, ValueRange>& ranges);
  const std::map<std::string, StoredTensor>& tensors() const { return tensors_; }

 private:
  void add_convolution(const std::string& name, const std::vector<int>& shape, const std::vector<float>& weight);
  void add_floats(const std::string& name, std::vector<std::int64_t> shape, const std::vector<float>& values);
  void add(const std::string& name, StoredTensor tensor, std::vector<std::byte> bytes);

  Safetensors file_;                            // memory of the unchanged tensors
  std::vector<std::vector<std::byte>> memory_;  // memory of the new tensors
  std::map<std::string, StoredTensor> tensors_;
};

/// Returns the image files of a folder (by extension), sorted by name. Throws Error if there are none.
std::vector<std::string> find_calibration_images(const std::string& folder);

/// Measures value ranges on the images of `folder` and writes STEM.json and STEM.safetensors. Prints one line unless
/// `quiet` is set. Throws Error.
void convert_to_int8(const std::string& model, const std::string& folder, const std::string& stem, bool quiet);

}  // namespace cudet::convert
