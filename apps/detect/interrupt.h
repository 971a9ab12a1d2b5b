// Ctrl-C: the picture under way is finished, and what is done is written.
#pragma once
#include <atomic>

namespace cudet::detect {

/// From now on the first SIGINT or SIGTERM makes the result true, and a second one ends the program at once. SIGPIPE
/// and SIGXFSZ are ignored, so that a closed pipe and the largest size of a file are errors like a full disk.
const std::atomic<bool>& catch_signals();

}  // namespace cudet::detect
