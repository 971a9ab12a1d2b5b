#include "apps/files/same_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "apps/files/atomic_file.h"
#include "kernels/error.h"

namespace cudet {
namespace {

bool are_one(const std::string& a, const std::string& b) {
  std::error_code ignored;  // set for a file that does not exist
  return std::filesystem::equivalent(a, b, ignored) || resolve_output(a) == resolve_output(b);
}

}  // namespace

std::string resolve_output(const std::string& path) {
  const std::filesystem::path target = follow_links(path), folder = target.parent_path();
  std::error_code error;  // the output itself reports a folder that cannot be accessed
  const auto resolved = std::filesystem::weakly_canonical(folder.empty() ? "." : folder, error);
  return error ? target.string() : (resolved / target.filename()).string();
}

bool is_standard_output(const std::string& path) {
  if (path == "-" || path == "/dev/stdout") return true;
  struct stat file {
  }, out{};
  return ::stat(path.c_str(), &file) == 0 && ::fstat(STDOUT_FILENO, &out) == 0 && !S_ISCHR(file.st_mode) &&
         file.st_dev == out.st_dev && file.st_ino == out.st_ino;
}

void refuse_standard_output(const std::string& output) {
  if (is_standard_output(output)) throw Error(output + ": is also standard output: choose another path");
}

void refuse_same_file(const std::string& output, const std::string& input) {
  if (are_one(output, input)) throw Error(output + ": this output is also an input: choose another path");
}

void refuse_same_outputs(const std::string& one, const std::string& other) {
  if (are_one(one, other)) throw Error(one + " and " + other + " are one file: choose other paths");
}

}  // namespace cudet
