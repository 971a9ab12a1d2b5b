#include "kernels/nms/nms.h"

#include <string>
#include <utility>

#include "runtime/model/safetensors.h"
#include "tests/kernels/nms_cases.h"

namespace cudet::test {

using Run = int (*)(const Nms&, Candidate*);

class NmsTest : public testing::TestWithParam<NmsCase> {};

TEST_P(NmsTest, CpuMatchesReference) {
  const auto [anchors, classes, clusters, confidence, iou, agnostic, max_detections] = GetParam();
  const std::vector<float> rows = clustered(anchors, classes, clusters, 1);
  std::vector<std::uint8_t> wanted(classes);
  for (int k = 0; k < classes; ++k) wanted[k] = k % 3 != 1;
  for (const std::uint8_t* filter : {static_cast<const std::uint8_t*>(nullptr), std::as_const(wanted).data()}) {
    const Nms op{rows.data(), anchors, classes, filter, confidence, iou, agnostic, max_detections};
    const std::vector<Candidate> want = run(nms_reference, op);
    ASSERT_GT(want.size(), 0u) << "the reference kept no candidate";
    expect_equal(run(nms_cpu, op), want);
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, NmsTest, testing::ValuesIn(kNmsCases));
INSTANTIATE_TEST_SUITE_P(MoreThanCount, NmsTest, testing::Values(NmsCase{35000, 2, 20, 0.001f, 0.6f, false, 35000}));

// Expected values: Ultralytics' non_max_suppression, by make_kernel_cases.py.
class NmsGoldenTest : public testing::TestWithParam<int> {
 protected:
  static const StoredTensor& golden(const std::string& name) {
    static const Safetensors file = Safetensors::read("tests/data/nms.safetensors");
    return *file.find(std::to_string(100 + GetParam()).substr(1) + "." + name);
  }
};

TEST_P(NmsGoldenTest, GivesTheSameDetections) {
  const std::vector<float> rows = golden("rows").to_f32(), options = golden("options").to_f32();
  const std::vector<float> detections = golden("detections").to_f32(), kept = golden("anchors").to_f32();
  const Nms op{rows.data(),
               static_cast<int>(golden("rows").shape[0]),
               static_cast<int>(golden("rows").shape[1]) - 4,
               reinterpret_cast<const std::uint8_t*>(golden("wanted").data.data()),
               options[0],
               options[1],
               options[2] != 0,
               static_cast<int>(options[3])};
  std::vector<Candidate> want;
  for (std::size_t n = 0; n < kept.size(); ++n) {
    const float* d = &detections[6 * n];
    want.push_back({d[0], d[1], d[2], d[3], d[4], static_cast<int>(d[5]), static_cast<int>(kept[n])});
  }
  expect_equal(run(nms_reference, op), want);
  expect_equal(run(nms_cpu, op), want);
}

INSTANTIATE_TEST_SUITE_P(Ultralytics, NmsGoldenTest, testing::Range(0, 7));

// Cases with hand-computed results, for the reference and the CPU kernel.
class NmsRuleTest : public testing::TestWithParam<Run> {
 protected:
  std::vector<int> anchors(const std::vector<float>& rows, int classes, float confidence, float iou) {
    const int count = static_cast<int>(rows.size()) / (4 + classes);
    std::vector<int> result;
    for (const Candidate& c : run(GetParam(), {rows.data(), count, classes, nullptr, confidence, iou, false, 300}))
      result.push_back(c.anchor);
    return result;
  }
};

TEST_P(NmsRuleTest, EqualScoresAreOrderedByAnchorAndClass) {
  const std::vector<float> apart = {10, 10, 4, 4, 0.5f, 0, 50, 10, 4, 4, 0.9f, 0, 90, 10, 4, 4, 0.5f, 0.5f};
  EXPECT_EQ(anchors(apart, 2, 0.25f, 0.7f), (std::vector{1, 0, 2}));
  const std::vector<Candidate> all = run(GetParam(), {apart.data(), 3, 2, nullptr, 0.25f, 0.7f, false, 300});
  EXPECT_EQ(all[2].class_id, 0) << "the lowest class of equal scores";
}

TEST_P(NmsRuleTest, ThresholdsAreExclusive) {
  const std::vector<float> half_overlap = {10, 10, 4, 4, 0.5f, 10, 10, 4, 2, 0.75f};  // IoU 1/2
  EXPECT_EQ(anchors(half_overlap, 1, 0.5f, 0.5f), (std::vector{1}));
  EXPECT_EQ(anchors(half_overlap, 1, 0.25f, 0.5f), (std::vector{1, 0}));
  EXPECT_EQ(anchors(half_overlap, 1, 0.25f, 0.499f), (std::vector{1}));
}

TEST_P(NmsRuleTest, KeepsBoxesWithoutArea) {
  EXPECT_EQ(anchors({10, 10, 0, 0, 0.5f, 10, 10, 0, 0, 0.75f}, 1, 0.25f, 0.1f), (std::vector{1, 0}));
}

TEST_P(NmsRuleTest, DropsNonFiniteBoxesAndScores) {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN(), infinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(anchors({nan, 10,    4,        4,     0.5f,     0.1f,  //
                     10,  10,    infinity, 4,     0.5f,     0.1f,  //
                     10,  10,    4,        4,     0.5f,     nan,   //
                     10,  10,    4,        4,     nan,      0.5f,  //
                     10,  10,    4,        4,     infinity, 0.1f,  //
                     10,  3e38f, 4,        3e38f, 0.5f,     0.1f,  // overflows to an infinite corner
                     10,  10,    4,        4,     0.5f,     0.1f},
                    2, 0.25f, 0.7f),
            (std::vector{6}));
}

TEST_P(NmsRuleTest, ReturnsNothingBelowTheThreshold) {
  EXPECT_EQ(anchors({10, 10, 4, 4, 0.2f}, 1, 0.25f, 0.7f), std::vector<int>{});
  EXPECT_EQ(anchors({}, 1, 0.25f, 0.7f), std::vector<int>{});
}

INSTANTIATE_TEST_SUITE_P(Both, NmsRuleTest, testing::Values(nms_reference, nms_cpu));

}  // namespace cudet::test
