// The real networks, converted from their checkpoints, against the values of the PyTorch reference.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "apps/convert/checkpoint.h"
#include "apps/files/write_safetensors.h"
#include "apps/image/decode.h"
#include "runtime/file.h"
#include "tests/runtime/network.h"
#include "tests/shared.h"
#include "tests/temporary.h"

namespace cudet::test {
namespace {

using Json = nlohmann::json;

class Golden : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const std::string checkpoint = std::string("weights/") + GetParam() + ".pt";
    if (const std::string why = why_not_shared(checkpoint); !why.empty()) GTEST_SKIP() << why;
    const convert::Checkpoint read = convert::read_checkpoint(convert::TorchFile::open(shared_file(checkpoint)));
    write_safetensors(folder_.file("m.safetensors"), read.weights);
    std::ofstream(folder_.file("m.json")) << convert::to_json(read.table, "m.safetensors");
    model_ = std::make_unique<Model>(Model::load(folder_.file("m.json")));
  }
  static Json read_json(const std::string& name) {
    std::ifstream file(shared_file(name));
    return Json::parse(file);
  }
  Safetensors golden() const {
    return Safetensors::read(shared_file(std::string("golden/") + GetParam() + ".safetensors"));
  }

  TemporaryFolder folder_;
  std::unique_ptr<Model> model_;
};

TEST_P(Golden, RawOutput) {
  const Safetensors file = golden();
  for (const char* picture : {"bus", "zidane384x640"}) {
    const StoredTensor& input = *file.find(std::string(picture) + ".input_u8");
    Network network(*model_, Network::Kernels::cpu, 1,
                    {static_cast<int>(input.shape[0]), static_cast<int>(input.shape[1])});
    network.set_input(0, input);
    network.run();
    const std::vector<float> want = file.find(std::string(picture) + ".output0")->to_f32();
    const std::vector<float> got = network.channels_first(network.program.output);
    ASSERT_EQ(got.size(), want.size());
    const RawDifference off = raw_difference(got, want, static_cast<std::size_t>(network.program.output.w));
    EXPECT_TRUE(off.box <= 0.02) << picture << ": " << off.box << " px";
    EXPECT_TRUE(off.score <= 5e-5) << picture << ": " << off.score;
  }
}

TEST_P(Golden, EveryRow) {
  const Json layers = read_json("golden/layers.json")[GetParam()];
  ASSERT_FALSE(layers.empty());
  const Safetensors file = golden();
  Network network(*model_, Network::Kernels::cpu, 1, {640, 640}, true);
  network.set_input(0, *file.find("bus.input_u8"));
  network.run();
  for (const Json& want : layers) {
    const Tensor& row = network.program.rows[want["layer"].get<std::size_t>()];
    SCOPED_TRACE("row " + want["layer"].dump());
    ASSERT_EQ((std::vector<int>{1, row.c, row.h, row.w}), want["shape"].get<std::vector<int>>());
    const std::vector<float> got = network.channels_first(row);
    double sum = 0, squares = 0, largest = 0;
    for (const float v : got) {
      sum += v;
      squares += static_cast<double>(v) * v;
      largest = std::max(largest, std::abs(static_cast<double>(v)));
    }
    const double count = static_cast<double>(got.size()), mean = sum / count;
    const double deviation = std::sqrt((squares - sum * mean) / (count - 1));
    const double most = want["abs_max"], tolerance = 1e-5 * most + 1e-5;  // values are kept to five decimals
    EXPECT_TRUE(std::abs(mean - want["mean"].get<double>()) <= tolerance) << mean;
    EXPECT_TRUE(std::abs(deviation - want["std"].get<double>()) <= tolerance) << deviation;
    EXPECT_TRUE(std::abs(largest - most) <= tolerance) << largest;
    const std::size_t plane = static_cast<std::size_t>(row.h) * row.w,
                      centre = plane / 2 + static_cast<std::size_t>(row.w) / 2;
    for (std::size_t c = 0; c < 8; ++c)
      EXPECT_TRUE(std::abs(got[c * plane + centre] - want["first8"][c].get<double>()) <= tolerance) << "channel " << c;
  }
}

double intersection_over_union(const Detection& d, const Json& box) {
  const auto overlap = [](double a1, double a2, double b1, double b2) {
    return std::max(0.0, std::min(a2, b2) - std::max(a1, b1));
  };
  const double x1 = box[0], y1 = box[1], x2 = box[2], y2 = box[3];
  const double both = overlap(d.x1, d.x2, x1, x2) * overlap(d.y1, d.y2, y1, y2);
  return both / (static_cast<double>(d.x2 - d.x1) * (d.y2 - d.y1) + (x2 - x1) * (y2 - y1) - both);
}

/// Matches by class and IoU; what lies within 0.03 of the threshold may come or go with the JPEG decoder.
void expect_detections(const std::vector<Detection>& got, const Json& want) {
  std::vector<bool> used(got.size(), false);
  for (const Json& box : want) {
    std::size_t best = got.size();
    double overlap = 0.5;
    for (std::size_t i = 0; i < got.size(); ++i)
      if (const double iou = intersection_over_union(got[i], box);
          !used[i] && got[i].class_id == box[5].get<int>() && iou > overlap) {
        best = i;
        overlap = iou;
      }
    if (best == got.size()) {
      EXPECT_LT(box[4].get<double>(), 0.28) << "missing " << box;
      continue;
    }
    used[best] = true;
    const Detection& d = got[best];
    const double corners[] = {d.x1, d.y1, d.x2, d.y2};
    for (std::size_t i = 0; i < 4; ++i)
      EXPECT_TRUE(std::abs(corners[i] - box[i].get<double>()) <= 1) << box << " " << corners[i];
    EXPECT_TRUE(std::abs(d.score - box[4].get<double>()) <= 0.02) << box << " " << d.score;
  }
  for (std::size_t i = 0; i < got.size(); ++i)
    EXPECT_TRUE(used[i] || got[i].score < 0.28f) << "extra, score " << got[i].score;
}

TEST_P(Golden, DetectionsFromFiles) {
  const Json golden_detections = read_json("golden/detections.json");
  for (const Fit fit : {Fit::least, Fit::whole}) {
    Detector detector(*model_, {.input = {640, 640}, .fit = fit});
    const std::string key = std::string(GetParam()) + (fit == Fit::least ? " rect" : " square");
    ASSERT_TRUE(golden_detections.contains(key)) << key;
    for (const auto& [name, want] : golden_detections[key].items()) {
      SCOPED_TRACE(key + ", " + name);
      const std::vector<std::byte> bytes = read_file(shared_file("images/" + name));
      const DecodedImage picture = decode_image(bytes, name, 100'000'000);
      expect_detections(detector.detect(picture.image.frame()).detections, want);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Networks, Golden, testing::Values("yolov8n", "yolov8n-dysample"));

}  // namespace
}  // namespace cudet::test
