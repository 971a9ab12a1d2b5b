// What the program inspect does.
#pragma once

namespace cudet::inspect {

/// Prints what the arguments ask for on standard output, or in one line on standard error why not. Returns the exit
/// status: 0, or 2 where the arguments, the description or standard output are at fault.
int command(int argc, char** argv);

}  // namespace cudet::inspect
