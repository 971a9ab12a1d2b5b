// Expands glob patterns as Python's glob does.
#pragma once
#include <string>
#include <vector>

namespace cudet {

struct GlobMatches {
  std::vector<std::string> paths;     // files and folders, each once, in unspecified order
  std::vector<std::string> problems;  // one line per folder that cannot be read
};

/// Whether a pattern has one of the characters * ? [
bool is_glob(const std::string& pattern);

/// Returns what Python's glob.glob(pattern, recursive=True) finds: * ? [a-z] [!a-z] match within a name, and a part
/// that is ** matches any number of folders, also none. Names that start with a dot match only patterns that do. There
/// is no escape character. Follows links to folders; ** does not follow one to a folder that contains the link. Reads
/// the names in at most `max_folders` folders, and tells if there are more: links lead to more paths than there are
/// folders.
GlobMatches expand_glob(const std::string& pattern, std::size_t max_folders = 100'000);

}  // namespace cudet
