#include <cmath>
#include <limits>

#include "tests/kernels/detect_decode_cases.h"
#include "tests/kernels/device_arena.h"
#include "tests/kernels/nms_device.h"

namespace cudet::test {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN(), kInfinity = std::numeric_limits<float>::infinity();

/// A head on the device: the logits as `type`, followed by y as f32.
class DeviceHead {
 public:
  DeviceHead(const DetectHead& head, Type type) : op(head.op), type_(type), bytes_(encode(head, type)) {
    for (DetectDecode::Level& level : op.level) {
      level.box = retyped(level.box, type);
      level.score = retyped(level.score, type);
    }
    op.y.offset = head.op.y.offset / sizeof(float) * size_of(type);
  }

  Memory memory() const { return {reinterpret_cast<std::byte*>(bytes_.data()), nullptr}; }
  /// The arena after all kernels have finished.
  Arena arena(const DetectHead& head) const {
    check(cudaDeviceSynchronize(), "finish");
    const std::vector<unsigned char> bytes = bytes_.values();
    Arena got = head.arena;
    for (std::size_t e = 0; e < op.y.offset / size_of(type_); ++e) {
      __half half;
      std::memcpy(&half, &bytes[e * sizeof half], sizeof half);
      if (type_ == Type::f16)
        got.values[e] = __half2float(half);
      else
        std::memcpy(&got.values[e], &bytes[e * sizeof(float)], sizeof(float));
    }
    std::memcpy(&got.values[head.op.y.offset / sizeof(float)], &bytes[op.y.offset], bytes.size() - op.y.offset);
    return got;
  }

  DetectDecode op;

 private:
  static std::vector<unsigned char> encode(const DetectHead& head, Type type) {
    const std::size_t logits = head.op.y.offset / sizeof(float), rest = head.arena.values.size() - logits;
    std::vector<unsigned char> bytes(logits * size_of(type) + rest * sizeof(float));
    for (std::size_t e = 0; e < logits; ++e) {
      const __half half = __float2half_rn(head.arena.values[e]);
      if (type == Type::f16)
        std::memcpy(&bytes[e * sizeof half], &half, sizeof half);
      else
        std::memcpy(&bytes[e * sizeof(float)], &head.arena.values[e], sizeof(float));
    }
    std::memcpy(&bytes[logits * size_of(type)], &head.arena.values[logits], rest * sizeof(float));
    return bytes;
  }

  Type type_;
  DeviceArray<unsigned char> bytes_;
};

class DetectDecodeCudaTest : public testing::TestWithParam<DetectDecodeCase> {
 protected:
  /// Replaces all logits of scores of every level.
  template <class F>
  void set_scores(F logit) {
    for (int l = 0; l < head.op.levels; ++l) {
      const Tensor& score = head.op.level[l].score;
      for (int i = 0; i < score.n; ++i)
        for (int v = 0; v < score.h; ++v)
          for (int u = 0; u < score.w; ++u)
            for (int k = 0; k < score.c; ++k) head.arena.at(score, i, v, u, k) = logit();
    }
  }
  /// Makes some logits of scores and boxes infinite or NaN, or so large that sums are.
  void spoil() {
    std::mt19937 random(5);
    const float odd[] = {kNan, kInfinity, -kInfinity, 3e38f, -3e38f, 100, -100};
    for (int l = 0; l < head.op.levels; ++l)
      for (const Tensor& t : {head.op.level[l].box, head.op.level[l].score})
        for (int n = 0; n < t.n * t.h * t.w / 3 + 2; ++n)
          head.arena.at(t, static_cast<int>(random() % t.n), static_cast<int>(random() % t.h),
                        static_cast<int>(random() % t.w), static_cast<int>(random() % t.c)) = odd[random() % 7];
  }
  void expect_decode(Type type) {
    round_to(head.arena.values, type);
    const DeviceHead device(head, type);
    detect_decode_cuda(device.op, device.memory(), stream_for_few_blocks());
    expect_decoded(device.arena(head), head.reference(), head.op.y, 2e-6);
  }
  void expect_candidates(Type type, const std::vector<float>& confidences, bool all_classes);
  void expect_candidates(const std::vector<float>& confidences) {
    expect_candidates(Type::f32, confidences, true);
    expect_candidates(Type::f16, confidences, false);
  }

  DetectHead head{GetParam()};
};

// The candidates are those of nms_reference on the rows that detect_decode_cuda writes, and nms_cuda keeps of them the
// ones that nms_cpu keeps of those rows, bit for bit.
void DetectDecodeCudaTest::expect_candidates(Type type, const std::vector<float>& confidences, bool all_classes) {
  SCOPED_TRACE(type == Type::f32 ? "f32" : "f16");
  const CudaStream on = stream_for_few_blocks();
  const DeviceHead device(head, type);
  detect_decode_cuda(device.op, device.memory(), on);
  const Arena rows = device.arena(head);
  const Tensor& y = head.op.y;

  std::vector<std::uint8_t> wanted(y.c - 4);
  for (std::size_t k = 0; k < wanted.size(); ++k) wanted[k] = k % 3 != 1;
  const DeviceArray<std::uint8_t> device_wanted(wanted);
  for (const float confidence : confidences) {
    SCOPED_TRACE("confidence " + std::to_string(confidence) + (all_classes ? "" : ", some classes"));
    const NmsParameters parameters{confidence, 0.45f, 300, 0};
    const DeviceArray<NmsParameters> device_parameters(std::vector{parameters});
    const Candidate guard{-1, -2, -3, -4, -5, -6, -7};
    const DeviceArray<Candidate> candidates(std::vector(static_cast<std::size_t>(y.n) * y.w + 1, guard));
    const DeviceArray<int> found(std::vector<int>(2 * y.n + 1, 1 << 20));
    detect_candidates_cuda(
        device.op, device.memory(),
        {device_parameters.data(), all_classes ? nullptr : device_wanted.data(), candidates.data(), found.data()}, on);
    check(cudaDeviceSynchronize(), "candidates");

    const std::vector<int> counts = found.values();
    const std::vector<Candidate> all = candidates.values();
    const auto is_guard = [&](const Candidate& c) { return std::memcmp(&c, &guard, sizeof c) == 0; };
    ASSERT_TRUE(counts[2 * y.n] == 1 << 20 && is_guard(all.back()));
    std::vector<std::vector<Candidate>> images;
    std::vector<Nms> want;
    for (int i = 0; i < y.n; ++i) {
      const auto first = all.begin() + static_cast<std::ptrdiff_t>(i) * y.w;
      ASSERT_TRUE(counts[i] >= 0 && counts[i] <= y.w) << counts[i];
      ASSERT_TRUE(std::all_of(first + counts[i], first + y.w, is_guard)) << "written after the last candidate";
      images.emplace_back(first, first + counts[i]);
      want.push_back({&rows.values[y.offset / sizeof(float) + y.pixel(i, 0, 0)], y.w, y.c - 4,
                      all_classes ? nullptr : wanted.data(), confidence, parameters.iou, false,
                      parameters.max_detections});
    }
    for (int i = 0; i < y.n; ++i) {
      bool nan = false;  // among the scores; a box that is not finite counts only if its score is above the threshold
      for (int a = 0; a < y.w; ++a)
        for (int k = 4; k < y.c; ++k) nan = nan || std::isnan(want[i].rows[static_cast<std::size_t>(a) * y.c + k]);
      EXPECT_TRUE(!nan || counts[y.n + i] > 0);
      EXPECT_TRUE(!nms_rows_are_finite(want[i]) || counts[y.n + i] == 0);
    }
    const std::vector<std::vector<Candidate>> kept = run_nms_cuda(images, y.w, parameters);
    for (int i = 0; i < y.n; ++i) {
      SCOPED_TRACE("image " + std::to_string(i));
      expect_equal(kept[i], run(nms_cpu, want[i]));
      std::sort(images[i].begin(), images[i].end(), [](const Candidate& a, const Candidate& b) {
        return a.score != b.score ? a.score > b.score : a.anchor < b.anchor;
      });
      expect_equal(images[i], all_candidates(want[i]));
    }
    if (HasFatalFailure()) return;
  }
}

class DetectEdgesCudaTest : public DetectDecodeCudaTest {};  // on all cases except the last, which is large

TEST_P(DetectEdgesCudaTest, NotFinite) {
  spoil();
  const DeviceHead device(head, Type::f32);
  detect_decode_cuda(device.op, device.memory(), stream_for_few_blocks());
  Arena got = device.arena(head), want = head.reference();
  int spoilt = 0;
  for (std::size_t e = 0; e < got.values.size(); ++e)
    if (std::isnan(want.values[e])) {
      ++spoilt;
      EXPECT_TRUE(std::isnan(got.values[e])) << e;
      got.values[e] = want.values[e] = 0;
    } else if (std::abs(want.values[e]) < 1e-37f) {  // e^x overflows, so f32 has 0
      EXPECT_LE(std::abs(got.values[e]), 1e-37f) << e;
      got.values[e] = want.values[e] = 0;
    } else if (std::abs(want.values[e]) > 1e38f) {  // logits
      EXPECT_EQ(got.values[e], want.values[e]) << e;
      got.values[e] = want.values[e] = 0;
    }
  EXPECT_GT(spoilt, 0);
  expect_close(got.values, want.values, 2e-6);
}

// Sigmoids of 1 or 0, or next to them: the lowest class of equal scores wins, whichever has the largest logit. With
// every confidence that makes a difference there.
TEST_P(DetectEdgesCudaTest, EqualScores) {
  std::mt19937 random(4);
  set_scores([&] { return static_cast<float>(random() % 9) * 0.5f + 14; });
  expect_candidates({0.5f, 1 - 0x1p-20f, 1 - 0x1p-22f, 1 - 0x1p-23f, 1 - 0x1p-24f, 1.0f});
  set_scores([&] { return static_cast<float>(random() % 7) * 4 - 104; });
  expect_candidates({-1.0f, 0.0f, 1e-40f, 1e-38f, 1e-36f});
  set_scores([&] { return static_cast<float>(random() % 3); });
  expect_candidates({0.5f, std::nextafter(0.5f, 0.0f), 1 / (1 + std::exp(-1.0f))});
}

// Confidences equal to scores: an anchor at the threshold is no candidate.
TEST_P(DetectEdgesCudaTest, ConfidenceOfAScore) {
  const DeviceHead device(head, Type::f32);
  detect_decode_cuda(device.op, device.memory(), stream_for_few_blocks());
  Arena rows = device.arena(head);
  const Tensor& y = head.op.y;
  std::vector<float> confidences;
  for (const int a : {0, y.w / 2, y.w - 1}) {
    const float score = *std::max_element(&rows.at(y, 0, 0, a, 4), &rows.at(y, 0, 0, a, 4) + y.c - 4);
    confidences.insert(confidences.end(), {std::nextafter(score, 0.0f), score, std::nextafter(score, 2.0f)});
  }
  expect_candidates(Type::f32, confidences, true);
}

TEST_P(DetectEdgesCudaTest, CandidatesAmongWhatIsNotFinite) {
  spoil();
  expect_candidates({-1.0f, 0.0f, 0.9f, 0.9999f});
}

INSTANTIATE_TEST_SUITE_P(Shapes, DetectEdgesCudaTest,
                         testing::ValuesIn(kDetectDecodeCases.begin(), kDetectDecodeCases.end() - 1));

TEST_P(DetectDecodeCudaTest, F32) {
  expect_decode(Type::f32);
}

// The reference reads the rounded logits, so only f32's arithmetic differs.
TEST_P(DetectDecodeCudaTest, F16) {
  expect_decode(Type::f16);
}

TEST_P(DetectDecodeCudaTest, Candidates) {
  expect_candidates({0.001f, 0.99998f});
}

// Nearly no anchor passes, as in practice.
TEST_P(DetectDecodeCudaTest, FewCandidates) {
  std::mt19937 random(3);
  set_scores([&] { return random() % 500 == 0 ? 2.0f : -10 - static_cast<float>(random() % 64) / 16; });
  expect_candidates({0.25f, 0.95f});
}

INSTANTIATE_TEST_SUITE_P(Shapes, DetectDecodeCudaTest, testing::ValuesIn(kDetectDecodeCases));

}  // namespace cudet::test
