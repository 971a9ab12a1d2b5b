// Kernels of each instruction set in turn.
#pragma once
#include <string>

#include "kernels/instruction_set.h"

namespace cudet::test {

// Makes the kernels run as on a machine that has this instruction set at best.
class Target {
 public:
  explicit Target(const std::string& name) { use_instruction_set(name); }
  ~Target() { use_instruction_set(before_); }
  Target(const Target&) = delete;  // the choice is the process's

 private:
  const std::string before_ = instruction_set();
};

}  // namespace cudet::test
