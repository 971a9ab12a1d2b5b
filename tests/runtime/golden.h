// Real networks, converted from their checkpoints, and golden values of the PyTorch reference.
#pragma once
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>

#include "apps/checkpoint/checkpoint.h"
#include "apps/files/write_safetensors.h"
#include "apps/image/decode.h"
#include "runtime/cudet.h"
#include "runtime/model/file.h"
#include "tests/shared.h"
#include "tests/temporary.h"

namespace cudet::test {

/// Tests of a real network, "yolov8n" or "yolov8n-dysample". Skipped if its checkpoint does not exist.
class GoldenTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const std::string checkpoint = std::string("weights/") + GetParam() + ".pt";
    if (const std::string why = why_not_shared(checkpoint); !why.empty()) GTEST_SKIP() << why;
    const convert::Checkpoint read = convert::read_checkpoint(convert::TorchFile::open(shared_file(checkpoint)));
    write_safetensors(folder_.file("m.safetensors"), read.weights);
    std::ofstream(folder_.file("m.json")) << convert::to_json(read.table, "m.safetensors");
    model_ = std::make_unique<Model>(Model::load(folder_.file("m.json")));
  }
  static nlohmann::json read_json(const std::string& name) {
    std::ifstream file(shared_file(name));
    return nlohmann::json::parse(file);
  }
  Safetensors golden() const {
    return Safetensors::read(shared_file(std::string("golden/") + GetParam() + ".safetensors"));
  }
  static DecodedImage picture(const std::string& name) {
    return decode_image(read_file(shared_file("images/" + name)), name, 100'000'000);
  }

  TemporaryFolder folder_;
  std::unique_ptr<Model> model_;
};

/// Parses an array of [x1, y1, x2, y2, score, class].
inline std::vector<Detection> detections_of(const nlohmann::json& boxes) {
  std::vector<Detection> detections;
  for (const nlohmann::json& box : boxes) detections.push_back({box[0], box[1], box[2], box[3], box[4], box[5]});
  return detections;
}

inline double intersection_over_union(const Detection& a, const Detection& b) {
  const double width = std::max(0.0f, std::min(a.x2, b.x2) - std::max(a.x1, b.x1)),
               height = std::max(0.0f, std::min(a.y2, b.y2) - std::max(a.y1, b.y1));
  const auto area = [](const Detection& d) { return static_cast<double>(d.x2 - d.x1) * (d.y2 - d.y1); };
  return width * height / (area(a) + area(b) - width * height);
}

/// Tolerances for detections of the same object: box corners in pixels, scores.
struct Apart {
  double corner, score;
};
constexpr Apart kDecoder{1, 0.02};  // because the JPEG decoders of the project and of the reference differ slightly

/// Matches detections by class and IoU. A detection with a score within 0.03 of the threshold may be missing or extra,
/// because of the JPEG decoder or of f16.
inline void expect_detections(const std::vector<Detection>& got, const std::vector<Detection>& want, Apart most) {
  std::vector<bool> used(got.size(), false);
  for (const Detection& expected : want) {
    SCOPED_TRACE(testing::Message() << "class " << expected.class_id << ", score " << expected.score << ", x1 "
                                    << expected.x1 << ", y1 " << expected.y1);
    std::size_t best = got.size();
    double overlap = 0.5;
    for (std::size_t i = 0; i < got.size(); ++i)
      if (const double iou = intersection_over_union(got[i], expected);
          !used[i] && got[i].class_id == expected.class_id && iou > overlap) {
        best = i;
        overlap = iou;
      }
    if (best == got.size()) {
      EXPECT_LT(expected.score, 0.28f) << "missing";
      continue;
    }
    used[best] = true;
    const Detection& d = got[best];
    const float corners[] = {d.x1 - expected.x1, d.y1 - expected.y1, d.x2 - expected.x2, d.y2 - expected.y2};
    for (const float off : corners) EXPECT_TRUE(std::abs(off) <= most.corner) << off << " px";
    EXPECT_TRUE(std::abs(d.score - expected.score) <= most.score) << d.score;
  }
  for (std::size_t i = 0; i < got.size(); ++i)
    EXPECT_TRUE(used[i] || got[i].score < 0.28f) << "extra, score " << got[i].score;
}

}  // namespace cudet::test
