#include "apps/cli/explain.h"

#include <new>

#include "kernels/error.h"

namespace cudet {

std::string explain(const std::string& file) {
  try {
    throw;
  } catch (const Error& error) {
    return error.what();
  } catch (const std::bad_alloc&) {
    return Error(file + ": out of memory").what();
  } catch (const std::exception& error) {
    return Error(file + ": " + error.what()).what();  // Error replaces line breaks: one line
  }
}

}  // namespace cudet
