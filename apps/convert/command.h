// What the program convert does.
#pragma once

namespace cudet::convert {

/// Converts as the arguments say; reports on standard output, or in one line on standard error. Returns the exit
/// status: 0 when done; 2 where the arguments, the input or the output are at fault. All files are as before then, but
/// that the weights are the new ones where the system refuses the description its name after it gave them theirs.
int command(int argc, char** argv);

}  // namespace cudet::convert
