// Selects an instruction set for a scope.
#pragma once
#include <string>

#include "kernels/instruction_set.h"

namespace cudet::test {

// Makes the kernels run as on a machine that has this instruction set at best.
class Target {
 public:
  explicit Target(const std::string& name) { use_instruction_set(name); }
  ~Target() { use_instruction_set(before_); }
  Target(const Target&) = delete;  // the choice is global to the process

 private:
  const std::string before_ = instruction_set();
};

}  // namespace cudet::test
