// Selects one of the instruction sets that the CPU's kernels are compiled for. The default is the best one that the
// machine supports. Names are Highway's: "AVX2", "AVX3" (AVX-512), "NEON".
#pragma once
#include <string>
#include <vector>

namespace cudet {

/// The instruction sets that this build has and this machine supports, best first; at least one.
std::vector<std::string> instruction_sets();
/// The instruction sets that this build has and this machine does not support.
std::vector<std::string> missing_instruction_sets();

/// The instruction set that kernels use.
std::string instruction_set();

/// Makes kernels run as on a machine whose best instruction set is `name`: one of instruction_sets(), in upper or lower
/// case; "avx512" is another name for AVX3. Throws Error that lists the valid names if `name` is not one of them.
/// Highway applies the choice to the whole process; no kernel may run during the call.
void use_instruction_set(const std::string& name);

}  // namespace cudet
