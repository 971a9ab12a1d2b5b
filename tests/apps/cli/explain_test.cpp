#include "apps/cli/explain.h"

#include <gtest/gtest.h>

#include <new>

#include "kernels/error.h"

namespace cudet::test {
namespace {

template <class Exception>
std::string explained(const Exception& exception) {
  try {
    throw exception;
  } catch (...) {
    return explain("best.pt");
  }
}

TEST(Explain, ConvertsAnyExceptionToOneLine) {
  EXPECT_EQ(explained(Error("model.3: too wide")), "model.3: too wide");
  EXPECT_EQ(explained(std::bad_alloc()), "best.pt: out of memory");
  EXPECT_EQ(explained(std::runtime_error("one\ntwo")), "best.pt: one?two");
}

}  // namespace
}  // namespace cudet::test
