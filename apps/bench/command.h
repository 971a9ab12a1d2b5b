// What the program bench does.
#pragma once

namespace cudet::bench {

/// Measures, or reads, what the arguments ask for, and prints and stores it. Returns the exit status: 0; 1 where
/// --fail-if-slower found something slower; 2, with one line on standard error, where nothing came of it.
int command(int argc, char** argv);

}  // namespace cudet::bench
