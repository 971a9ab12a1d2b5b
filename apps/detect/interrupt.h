// Ctrl-C: the picture under way is finished, and what is done is written.
#pragma once

namespace cudet {

/// From now on the first SIGINT or SIGTERM makes interrupted() true, and a second one ends the program at once; SIGPIPE
/// is ignored, so that writing to a closed pipe is an error like others.
void catch_signals();

bool interrupted();

}  // namespace cudet
