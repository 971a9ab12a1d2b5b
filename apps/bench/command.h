// The bench program without its main().
#pragma once

namespace cudet::bench {

/// Measures what the arguments ask for, or reads stored results, then prints, stores and compares them. Returns the
/// exit status: 0 for success; 1 if --fail-if-slower found a slowdown; 2 for an error, which is printed as one line on
/// standard error.
int command(int argc, char** argv);

}  // namespace cudet::bench
