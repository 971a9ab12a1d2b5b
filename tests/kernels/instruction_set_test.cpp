// The choice of an instruction set. Also runs the tests of kernels and networks on each set, in a child process of this
// program whose environment variable CUDET_ISA selects the set.
#include "kernels/instruction_set.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "tests/error_of.h"

namespace cudet::test {
namespace {

class FromEnvironment : public testing::Environment {
  void SetUp() override {
    if (const char* name = std::getenv("CUDET_ISA")) use_instruction_set(name);
  }
};
[[maybe_unused]] const testing::Environment* const kFromEnvironment =
    testing::AddGlobalTestEnvironment(new FromEnvironment);

TEST(InstructionSet, IsTheBestOneUnlessTheEnvironmentNamesIt) {
  const char* name = std::getenv("CUDET_ISA");
  EXPECT_EQ(instruction_set(), name ? name : instruction_sets().front());
}

TEST(InstructionSet, CanBeChosenInAnyOrderAndCase) {
  const std::string before = instruction_set();
  std::vector<std::string> names = instruction_sets();
  const std::vector<std::string> best_first = names;
  std::reverse(names.begin(), names.end());
  for (const std::string& name : names) {
    use_instruction_set(name);
    EXPECT_EQ(instruction_set(), name);
    EXPECT_EQ(instruction_sets(), best_first);
  }
  std::string small = names.front();
  std::transform(small.begin(), small.end(), small.begin(), [](unsigned char c) { return std::tolower(c); });
  use_instruction_set(small);
  EXPECT_EQ(instruction_set(), names.front());
  use_instruction_set(before);
}

TEST(InstructionSet, Avx3IsAvx512Too) {
  const std::string before = instruction_set();
  const auto outcome = [&](const std::string& name) {
    try {
      use_instruction_set(name);
    } catch (const Error& error) {
      return std::string(error.what()).substr(("instruction set " + name).size());
    }
    const std::string used = instruction_set();
    use_instruction_set(before);
    return used;
  };
  EXPECT_EQ(outcome("avx512"), outcome("AVX3"));
}

TEST(InstructionSet, IsRefusedInOneLineThatListsThoseThereAre) {
  const std::string before = instruction_set();
  for (const char* name : {"avx9", "", "unknown"}) {
    const std::string line = error_of([&] { use_instruction_set(name); });
    EXPECT_EQ(line.find("instruction set " + std::string(name) + ": this build has none of that name; there are "), 0u)
        << line;
    for (const std::string& known : instruction_sets()) EXPECT_NE(line.find(known), std::string::npos) << line;
  }
  for (const std::string& name : missing_instruction_sets())
    EXPECT_NE(error_of([&] { use_instruction_set(name); }).find(": this machine lacks it; there are "),
              std::string::npos);
  EXPECT_EQ(instruction_set(), before);
}

// All but the best, on which the tests run anyway.
std::vector<std::string> others() {
  std::vector<std::string> names = instruction_sets(), missing = missing_instruction_sets();
  names.erase(names.begin());
  names.insert(names.end(), missing.begin(), missing.end());
  return names;
}

class EachInstructionSet : public testing::TestWithParam<std::string> {};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(EachInstructionSet);

TEST_P(EachInstructionSet, PassesTheTestsOfKernelsAndNetworks) {
  if (const std::vector<std::string> missing = missing_instruction_sets();
      std::find(missing.begin(), missing.end(), GetParam()) != missing.end())
    GTEST_SKIP() << "NOT RUN: this machine lacks " << GetParam()
                 << ", for which the kernels were compiled; nothing here tells whether they work on it";
  // The tests of single convolutions iterate over all sets themselves.
  const std::string command =
      "env -u GTEST_OUTPUT -u GTEST_TOTAL_SHARDS -u GTEST_SHARD_INDEX CUDET_ISA=" + GetParam() + " '" +
      std::filesystem::read_symlink("/proc/self/exe").string() +
      "' --gtest_brief=1 "
      "--gtest_filter='InstructionSet.IsThe*:*AddTest*:*ConvTranspose2dTest*:*CopyTest*:*DetectDecodeTest*:*DySample*"
      "Test*:"
      "*LetterboxTest*:*LetterboxGoldenTest*:*MaxPoolTest*:*Nms*Test*:*PadTest*:*ResizeBilinearTest*:*UpsampleTest*:"
      "Conv2dCpu.*:Bytes.*:"
      "*Fusion*:*Golden*:*TinyNetwork*:Network.*:Codes.*' 2>&1";
  std::FILE* child = popen(command.c_str(), "r");
  ASSERT_NE(child, nullptr);
  std::string output;
  char part[4096];
  while (const std::size_t count = std::fread(part, 1, sizeof part, child)) output.append(part, count);
  EXPECT_EQ(pclose(child), 0) << output;
}

INSTANTIATE_TEST_SUITE_P(Others, EachInstructionSet, testing::ValuesIn(others()),
                         [](const auto& name) { return name.param; });

}  // namespace
}  // namespace cudet::test
