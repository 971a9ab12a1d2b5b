#include "apps/cli/isa_option.h"

#include "kernels/instruction_set.h"

namespace cudet {

CLI::Option* add_isa_option(CLI::App& app, std::string& isa) {
  std::string names;
  for (const std::string& name : instruction_sets()) names += (names.empty() ? "" : ", ") + CLI::detail::to_lower(name);
  return app.add_option("--isa", isa, "Instruction set of the CPU's kernels: " + names + " (the first)")
      ->type_name("I");
}

void use_isa_option(const std::string& isa) {
  if (!isa.empty()) use_instruction_set(isa);
}

}  // namespace cudet
