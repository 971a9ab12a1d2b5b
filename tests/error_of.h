// What an action that fails says.
#pragma once
#include <gtest/gtest.h>

#include <string>

#include "kernels/error.h"

namespace cudet::test {

/// The message of the Error that `act` throws, which is to be one line; empty where it throws none.
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
