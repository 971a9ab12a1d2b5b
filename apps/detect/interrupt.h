// Signal handling: after Ctrl-C the run finishes the current image and writes the results so far.
#pragma once
#include <atomic>

namespace cudet::detect {

/// Installs signal handlers. The first SIGINT, SIGTERM or SIGHUP sets the returned flag; a second one of the same kind
/// terminates the program. SIGPIPE and SIGXFSZ are ignored, so that writing to a closed pipe or beyond the file size
/// limit is reported as an error, as a full disk is.
const std::atomic<bool>& catch_signals();

}  // namespace cudet::detect
