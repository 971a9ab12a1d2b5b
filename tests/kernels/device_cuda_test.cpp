// Without a CUDA device, every test of this program is skipped and prints why.
#include <gtest/gtest.h>

#include "tests/kernels/device.h"

namespace cudet::test {
namespace {

class SkipWithoutDevice final : public testing::EmptyTestEventListener {
  void OnTestStart(const testing::TestInfo&) override {
    static const std::string why = why_no_device();
    if (!why.empty()) GTEST_SKIP() << why;
  }
};

[[maybe_unused]] const bool registered = [] {
  testing::UnitTest::GetInstance()->listeners().Append(new SkipWithoutDevice);  // which owns it
  return true;
}();

}  // namespace
}  // namespace cudet::test
