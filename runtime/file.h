// Files read as a whole.
#pragma once
#include <cstddef>
#include <string>
#include <vector>

namespace cudet {

/// All bytes of an ordinary file of at most `most_bytes`. Throws Error with the path where there is none, where it is
/// something else (a folder, a pipe, a device, none of which is waited for), or larger.
std::vector<std::byte> read_file(const std::string& path, std::size_t most_bytes = std::size_t{4} << 30);

}  // namespace cudet
