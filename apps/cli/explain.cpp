#include "apps/cli/explain.h"

#include <new>
#include <system_error>
#include <utility>

#include "kernels/error.h"

namespace cudet {

std::string explain(const std::string& file) {
  try {
    throw;
  } catch (const Error& error) {
    return error.what();
  } catch (const std::bad_alloc&) {
    return Error(file + ": out of memory").what();
  } catch (const std::system_error& error) {
    if (error.code() == std::errc::resource_unavailable_try_again)
      return Error(file + ": the system does not have enough threads").what();
    return Error(file + ": " + error.what()).what();
  } catch (const std::exception& error) {
    return Error(file + ": " + error.what()).what();  // Error replaces line breaks: one line
  }
}

std::string terminal_line(std::string line) {
  constexpr std::size_t kStart = 700, kEnd = 290;
  if (line.size() > 1000) {
    const auto inside = [&](std::size_t at) { return (static_cast<unsigned char>(line[at]) & 0xc0) == 0x80; };
    std::size_t first = kStart, last = line.size() - kEnd;  // not inside a character of UTF-8
    for (int i = 0; i < 3 && inside(first); ++i) --first;
    for (int i = 0; i < 3 && inside(last); ++i) ++last;
    line.replace(first, last - first, "...");
  }
  return Error(std::move(line)).what();
}

}  // namespace cudet
