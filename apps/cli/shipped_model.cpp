#include "apps/cli/shipped_model.h"

#include <filesystem>
#include <system_error>

namespace cudet {

std::string shipped_model() {
  std::error_code error;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) return {};
  // release programs are in build/, those of other configurations one folder deeper
  for (const char* folder : {"../share/cudet", "../weights", "../../weights"}) {
    const std::filesystem::path model = (program.parent_path() / folder / "codes.json").lexically_normal();
    if (std::filesystem::is_regular_file(model, error)) return model.string();
  }
  return {};
}

}  // namespace cudet
