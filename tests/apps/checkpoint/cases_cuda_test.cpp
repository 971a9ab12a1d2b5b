// Checkpoints as users have them, on a CUDA device: two of each kind.
#include <gtest/gtest.h>

#include "tests/apps/checkpoint/cases.h"
#include "tests/kernels/device.h"

namespace cudet::test {
namespace {

class CheckpointCaseCuda : public testing::TestWithParam<std::string> {};

TEST_P(CheckpointCaseCuda, OutputMatchesReference) {
  const Safetensors outputs = Safetensors::read("tests/data/cases/outputs.safetensors");
  const Model model = load_model("tests/data/cases/" + GetParam() + ".pt");
  const CaseInput input(model.channels());
  expect_output(model, input.frame, *outputs.find(GetParam()), {.device = Device::cuda, .precision = Precision::fp32},
                0.05f, 1e-4f);
}

TEST_P(CheckpointCaseCuda, HalfPrecisionIsNear) {
  if (const std::string why = why_no_fp16(); !why.empty()) GTEST_SKIP() << why;
  const Safetensors outputs = Safetensors::read("tests/data/cases/outputs.safetensors");
  const Model model = load_model("tests/data/cases/" + GetParam() + ".pt");
  const CaseInput input(model.channels());
  expect_output(model, input.frame, *outputs.find(GetParam()), {.device = Device::cuda, .precision = Precision::fp16},
                3, 0.05f);
}

INSTANTIATE_TEST_SUITE_P(Own, CheckpointCaseCuda,
                         testing::Values("activation-relu", "activation-relu6", "activation-leakyrelu",
                                         "activation-hardswish", "activation-gelu", "activation-mish",
                                         "activation-mixed", "blocks", "ghost", "wide-head", "pruned", "split-c2f",
                                         "one-channel", "four-channels", "five-channels"),
                         test_name);

}  // namespace
}  // namespace cudet::test
