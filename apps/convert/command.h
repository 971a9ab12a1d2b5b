// The command line of the program convert.
#pragma once

namespace cudet::convert {

/// Converts as the arguments request. Prints one line on standard output, or one error line on standard error. Returns
/// the exit status: 0 on success; 2 if the arguments, the input or the output are invalid. After an error all files are
/// unchanged, with one exception: if the final rename of the description fails, the weights file is already the new
/// one.
int command(int argc, char** argv);

}  // namespace cudet::convert
