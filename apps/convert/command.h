// What the program convert does.
#pragma once

namespace cudet {

/// Converts as the arguments say; reports on standard output, or in one line on standard error. Returns the exit
/// status: 0 when done; 2 where the arguments, the input or the output are at fault, and then leaves no new file.
int convert_command(int argc, char** argv);

}  // namespace cudet
