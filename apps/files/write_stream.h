// Writes to pipes, terminals and devices.
#pragma once
#include <string_view>

namespace cudet {

/// Writes all of `text`, also to a descriptor that does not block. Waits for a reader that is slow. Gives up if the
/// program is interrupted() and the reader reads nothing for two seconds. Returns 0, or errno: ECANCELED if it gave up.
int write_stream(int descriptor, std::string_view text);

}  // namespace cudet
