#include <algorithm>
#include <bit>
#include <utility>

#include "tests/kernels/nms_device.h"

namespace cudet::test {

class NmsCudaTest : public testing::Test {
 protected:
  // Of each image's candidates, found in its rows and then shuffled, the same must be kept as nms_cpu keeps of the
  // rows.
  static void expect_as_cpu(const std::vector<Nms>& images, int spare = 0) {
    std::vector<std::vector<Candidate>> candidates;
    std::size_t capacity = 1;
    for (const Nms& op : images) {
      candidates.push_back(all_candidates(op));
      std::shuffle(candidates.back().begin(), candidates.back().end(), std::mt19937(7));
      capacity = std::max(capacity, candidates.back().size());
    }
    const Nms& op = images[0];
    const auto got = run_nms_cuda(candidates, static_cast<int>(capacity) + spare,
                                  {op.confidence, op.iou, op.max_detections, op.agnostic ? 1 : 0});
    for (std::size_t i = 0; i < images.size(); ++i) {
      SCOPED_TRACE("image " + std::to_string(i));
      expect_equal(got[i], run(nms_cpu, images[i]));
    }
  }
  // The same for the rows of one image.
  static void expect_as_cpu(const std::vector<float>& rows, int classes, float iou, bool agnostic = false,
                            int max_detections = 300) {
    const int anchors = static_cast<int>(rows.size()) / (4 + classes);
    expect_as_cpu({{rows.data(), anchors, classes, nullptr, 0, iou, agnostic, max_detections}});
  }
};

TEST_F(NmsCudaTest, SizesAndClasses) {
  for (const auto& [anchors, classes, clusters, confidence, iou, agnostic, max_detections] : kNmsCases) {
    SCOPED_TRACE(std::to_string(anchors) + " anchors, " + std::to_string(classes) + " classes");
    const std::vector<float> rows = clustered(anchors, classes, clusters, 1);
    std::vector<std::uint8_t> wanted(classes);
    for (int k = 0; k < classes; ++k) wanted[k] = k % 3 != 1;
    for (const std::uint8_t* filter : {static_cast<const std::uint8_t*>(nullptr), std::as_const(wanted).data()})
      expect_as_cpu({{rows.data(), anchors, classes, filter, confidence, iou, agnostic, max_detections}});
  }
}

// Around the sizes of warps, batches and tiles of keys.
TEST_F(NmsCudaTest, EveryCountOfCandidates) {
  for (const int anchors : {1, 2, 31, 32, 33, 127, 128, 129, 255, 257, 1023, 1024, 1025, 2049}) {
    SCOPED_TRACE(std::to_string(anchors) + " anchors");
    expect_as_cpu(clustered(anchors, 1, anchors / 3 + 1, 2), 1, 0.5f, false, 3000);
  }
}

TEST_F(NmsCudaTest, BatchesOfUnlikeImages) {
  const std::vector<float> many = clustered(900, 3, 60, 3), few = clustered(40, 3, 5, 4), none(7, 0.0f);
  const auto image = [](const std::vector<float>& rows) {
    return Nms{rows.data(), static_cast<int>(rows.size()) / 7, 3, nullptr, 0.1f, 0.6f, false, 100};
  };
  expect_as_cpu({image(many), image(few)});
  expect_as_cpu({image(none), image(few), image(many)}, 77);
  expect_as_cpu({image(none), image(none)}, 5);
}

TEST_F(NmsCudaTest, MostDetections) {
  const std::vector<float> rows = clustered(600, 2, 200, 5);
  for (const int max_detections : {0, 1, 2, 127, 128, 129, 600, 1 << 30}) {
    SCOPED_TRACE(max_detections);
    expect_as_cpu(rows, 2, 0.9f, false, max_detections);
  }
}

// If all scores are equal, the anchors decide about the order; if all boxes are equal, one is kept.
TEST_F(NmsCudaTest, EqualsOfAllKinds) {
  std::vector<float> rows = clustered(400, 2, 20, 6);
  for (std::size_t a = 0; a < 400; ++a) rows[6 * a + 4] = 0.5f, rows[6 * a + 5] = a % 5 == 0 ? 0.5f : 0.75f;
  for (const float iou : {0.0f, 0.45f, 1.0f}) expect_as_cpu(rows, 2, iou);
  for (std::size_t a = 0; a < 400; ++a) std::copy_n(rows.begin(), 4, rows.begin() + static_cast<std::ptrdiff_t>(6 * a));
  for (const bool agnostic : {false, true})
    for (const float iou : {0.0f, 0.999f, 1.0f}) expect_as_cpu(rows, 2, iou, agnostic);
}

// Pairs whose IoU is equal to the threshold or one bit above it, of boxes that classes move so far that their corners
// are rounded.
TEST_F(NmsCudaTest, ThresholdsToTheBit) {
  constexpr int kClasses = 90;
  std::mt19937 random(8);
  std::uniform_real_distribution<float> position(100, 120), size(30, 60);
  for (int pair = 0; pair < 60; ++pair) {
    const int class_id = static_cast<int>(random() % kClasses);
    std::vector<float> rows;
    for (const float score : {0.9f, 0.8f}) {
      for (int k = 0; k < 4; ++k) rows.push_back(k < 2 ? position(random) : size(random));
      for (int k = 0; k < kClasses; ++k) rows.push_back(k == class_id ? score : 0);
    }
    Nms op{rows.data(), 2, kClasses, nullptr, 0, 0, pair % 3 == 0, 300};
    unsigned below = 0, iou = std::bit_cast<unsigned>(1.0f);
    while (iou - below > 1) {
      const unsigned middle = below + (iou - below) / 2;
      op.iou = std::bit_cast<float>(middle);
      (run(nms_reference, op).size() == 1 ? below : iou) = middle;
    }
    for (const unsigned threshold : {below, iou}) {
      op.iou = std::bit_cast<float>(threshold);
      expect_as_cpu({op});
    }
  }
}

TEST_F(NmsCudaTest, BoxesWithoutAreaAndOutOfProportion) {
  std::vector<float> rows = clustered(300, 2, 4, 9);
  for (std::size_t a = 0; a < 300; ++a) {
    float* box = &rows[6 * a];
    if (a % 3 == 0) box[2] = 0;
    if (a % 5 == 0) box[3] = 0;
    if (a % 6 == 0) std::copy_n(&rows[0], 2, box);
    if (a % 7 == 0) box[2] = -box[2];  // inside out
    if (a % 8 == 0) box[3] = -box[3];
    if (a % 10 == 0) box[2] = box[3] = 1e6f;                           // larger than the distance between classes
    if (a % 11 == 0) box[0] = 0, box[1] = 0, box[2] = box[3] = 2e38f;  // its area overflows
    if (a % 13 == 0) box[2] = box[3] = 1e-30f;                         // its area underflows
  }
  for (const float iou : {0.0f, 0.5f, -1.0f}) expect_as_cpu(rows, 2, iou);
}

// Candidates past the best kMaxCandidates are dropped, though they do not overlap with any other.
TEST_F(NmsCudaTest, BestOfTooMany) {
  constexpr int kFar = 40, kFound = Nms::kMaxCandidates + kFar / 2;
  std::vector<Candidate> candidates, want;
  for (int a = 0; a < kFound; ++a) {
    const int rank = (a + 12345) % kFound;  // in no order
    const float x = rank < kFound - kFar ? 0 : 20.0f * static_cast<float>(rank);
    candidates.push_back({x, 0, x + 10, 10, 1 - static_cast<float>(rank) / (1 << 20), 0, a});
    if (rank == 0 || (rank >= kFound - kFar && rank < Nms::kMaxCandidates)) want.push_back(candidates.back());
  }
  std::sort(want.begin(), want.end(), [](const Candidate& a, const Candidate& b) { return a.score > b.score; });
  ASSERT_EQ(want.size(), 1u + kFar / 2);
  expect_equal(run_nms_cuda({candidates}, kFound + 3, {0, 0.5f, 300, 0})[0], want);
}

}  // namespace cudet::test
