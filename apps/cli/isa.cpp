#include "apps/cli/isa.h"

#include <algorithm>
#include <cctype>

#include "kernels/instruction_set.h"

namespace cudet {

std::string isa_help() {
  std::string names;
  for (const std::string& name : instruction_sets()) names += (names.empty() ? "" : ", ") + name;
  std::transform(names.begin(), names.end(), names.begin(), [](unsigned char c) { return std::tolower(c); });
  return "Instruction set of the CPU's kernels: " + names + " (default: the first)";
}

void use_isa(const std::string& isa) {
  if (!isa.empty()) use_instruction_set(isa);
}

}  // namespace cudet
