// Captures the message of an expected error.
#pragma once
#include <gtest/gtest.h>

#include <string>

#include "kernels/error.h"

namespace cudet::test {

/// Returns the message of the Error that `act` throws, and expects it to be one line. Empty if `act` throws none.
template <class Act>
std::string error_of(const Act& act) {
  try {
    act();
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
    return error.what();
  }
  return "";
}

}  // namespace cudet::test
