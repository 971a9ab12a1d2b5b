// The inspect program without its main().
#pragma once

namespace cudet::inspect {

/// Prints what the arguments ask for on standard output, or a one-line error on standard error. Returns the exit
/// status: 0 for success, 2 for an error in the arguments, in the description or on standard output.
int command(int argc, char** argv);

}  // namespace cudet::inspect
