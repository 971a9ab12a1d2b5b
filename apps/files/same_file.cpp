#include "apps/files/same_file.h"

#include <filesystem>

#include "kernels/error.h"

namespace cudet {

void refuse_same_file(const std::string& output, const std::string& input) {
  std::error_code ignored;  // set for a file that does not exist
  if (std::filesystem::equivalent(output, input, ignored))
    throw Error(output + ": this output is also an input: choose another path");
}

}  // namespace cudet
