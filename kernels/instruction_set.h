// Which instruction set the CPU's kernels run with, of those that they are compiled for: without a choice, the best
// that the machine has. Names are Highway's: "AVX2", "AVX3" (AVX-512), "NEON".
#pragma once
#include <string>
#include <vector>

namespace cudet {

/// Those that this build and this machine have, the best first; at least one.
std::vector<std::string> instruction_sets();
/// Those that this build has and this machine lacks.
std::vector<std::string> missing_instruction_sets();

/// The one that kernels run with.
std::string instruction_set();

/// From now on kernels run as on a machine whose best set is this one of instruction_sets(), in capitals or not; AVX3
/// is "avx512" too. Throws Error for others, which lists these. The choice is the whole process's, since Highway keeps
/// it: to be made while no kernel runs.
void use_instruction_set(const std::string& name);

}  // namespace cudet
