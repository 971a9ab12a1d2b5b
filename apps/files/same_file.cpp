#include "apps/files/same_file.h"

#include <filesystem>

#include "apps/files/atomic_file.h"
#include "kernels/error.h"

namespace cudet {

namespace {

bool are_one(const std::string& a, const std::string& b) {
  std::error_code ignored;  // set for a file that does not exist
  return std::filesystem::equivalent(a, b, ignored) || follow_links(a) == follow_links(b);
}

}  // namespace

void refuse_same_file(const std::string& output, const std::string& input) {
  if (are_one(output, input)) throw Error(output + ": this output is also an input: choose another path");
}

void refuse_same_outputs(const std::string& one, const std::string& other) {
  if (are_one(one, other)) throw Error(one + " and " + other + " are one file: choose other paths");
}

}  // namespace cudet
