// Tests of the output files: read back, and compared with the formats that other programs expect.
#include "apps/detect/outputs.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <nlohmann/json.hpp>

#include "apps/detect/format.h"
#include "apps/image/decode.h"
#include "kernels/error.h"
#include "runtime/model/file.h"
#include "runtime/model/safetensors.h"
#include "tests/temporary.h"

namespace cudet::test {
namespace {

using namespace cudet::detect;

using nlohmann::json;

const std::vector<std::string> kNames = {"person", "a \"quoted\", name", "caf\xe9"};

/// A grey image of 200 x 100 pixels with two detections.
struct Picture {
  explicit Picture(std::string path = "dir/000042.jpg", std::string stem = "000042")
      : source{std::move(path), std::move(stem)}, image(200, 100) {
    fill(image, 0, 0, 200, 100, {128, 128, 128});
    result = {{{10.5f, 20.25f, 60.5f, 80.125f, 0.9f, 0}, {100, 50, 150.1f, 99.7f, 0.123456f, 1}}, {1.5, 20, 0.25}};
  }
  Finished finished() { return {source, image, ImageFormat::jpeg, 3.5, result, &raw}; }

  Source source;
  Image image;
  Result result;
  RawOutput raw{{2, 4}, 6, 3, std::vector<float>(2 * 4 * 3, 0.5f), std::vector<float>(6 * 3, 1.25f)};
};

TEST(Format, WritesNumbers) {
  EXPECT_EQ(json_number(0.1f), "0.1");
  EXPECT_EQ(json_number(123456.78f), "123456.78");
  EXPECT_EQ(json_number(NAN), "null");
  EXPECT_EQ(rounded_number(258.15, 3), "258.15");
  EXPECT_EQ(rounded_number(41.0, 3), "41.0");
  EXPECT_EQ(rounded_number(0.0004, 3), "0.0");
  EXPECT_EQ(rounded_number(100, 3), "100.0");
  EXPECT_EQ(rounded_number(INFINITY, 3), "null");
}

TEST(Format, WritesNames) {
  EXPECT_EQ(csv_field("plain"), "plain");
  EXPECT_EQ(csv_field("a,b"), "\"a,b\"");
  EXPECT_EQ(csv_field("a\"b"), "\"a\"\"b\"");
  EXPECT_EQ(csv_field("a\nb"), "\"a\nb\"");
  EXPECT_EQ(printable("a\nb\x1b[0m"), "a?b?[0m");
  EXPECT_EQ(json::parse(json_string("a\"\n\\\xff")).get<std::string>(), "a\"\n\\\xef\xbf\xbd");
}

TEST(Format, Counts) {
  EXPECT_EQ(count(0, "image"), "0 images");
  EXPECT_EQ(count(1, "image"), "1 image");
  EXPECT_EQ(count(12, "image"), "12 images");
}

TEST(Format, Summarises) {
  EXPECT_EQ(summary({}, kNames), "nothing");
  EXPECT_EQ(summary({{0, 0, 1, 1, 1, 2}, {0, 0, 1, 1, 1, 0}, {0, 0, 1, 1, 1, 2}}, {"a", "b", "c"}), "2 c, 1 a");
}

TEST(JsonOutput, ReadsBack) {
  const TemporaryFolder folder;
  JsonOutput output(folder.file("r.json"), "m\"o.json", kNames);
  Picture first, second("odd \"name\"\n\xff.jpg", "odd");
  second.result.detections.clear();
  output.add(first.finished());
  output.add(second.finished());
  output.finish();
  EXPECT_EQ(folder.files(), 1) << "the temporary file is removed";

  const json all = json::parse(folder.text("r.json"));
  EXPECT_EQ(all["model"], "m\"o.json");
  ASSERT_EQ(all["images"].size(), 2u);
  const json& image = all["images"][0];
  EXPECT_EQ(image["file"], "dir/000042.jpg");
  EXPECT_EQ(image["width"], 200);
  EXPECT_EQ(image["height"], 100);
  EXPECT_EQ(image["ms"], json::parse(R"({"load": 3.5, "letterbox": 1.5, "network": 20, "nms": 0.25})"));
  ASSERT_EQ(image["detections"].size(), 2u);
  const json& detection = image["detections"][1];
  EXPECT_EQ(detection["box"][2].get<float>(), 150.1f);
  EXPECT_EQ(detection["score"].get<float>(), 0.123456f);
  EXPECT_EQ(detection["class"], 1);
  EXPECT_EQ(detection["name"], "a \"quoted\", name");
  EXPECT_EQ(all["images"][1]["file"], "odd \"name\"\n\xef\xbf\xbd.jpg");
  EXPECT_TRUE(all["images"][1]["detections"].empty());
}

TEST(JsonOutput, IsValidWithoutPictures) {
  const TemporaryFolder folder;
  JsonOutput output(folder.file("r.json"), "m", kNames);
  output.finish();
  EXPECT_TRUE(json::parse(folder.text("r.json"))["images"].empty());
}

TEST(JsonOutput, LeavesTheOldFileUnlessFinished) {
  const TemporaryFolder folder;
  std::ofstream(folder.file("r.json")) << "old";
  {
    Picture picture;
    JsonOutput output(folder.file("r.json"), "m", kNames);
    output.add(picture.finished());
  }
  EXPECT_EQ(folder.text("r.json"), "old");
  EXPECT_EQ(folder.files(), 1);
}

TEST(JsonOutput, RefusesPathsThatCannotBeWritten) {
  EXPECT_THROW(JsonOutput("/no/such/folder/r.json", "m", kNames), Error);
  EXPECT_THROW(JsonOutput("/dev/full", "m", kNames), Error);
}

// A limit on the file size simulates a full disk. The limit is the current size of the file, so closing the list must
// not need more space.
TEST(JsonOutput, KeepsWholeEntriesWhenTheDiskIsFull) {
  const TemporaryFolder folder;
  JsonOutput output(folder.file("r.json"), "m", kNames);
  Picture picture;
  output.add(picture.finished());
  output.add(picture.finished());
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = ::signal(SIGXFSZ, SIG_IGN);
  rlimit small = before;
  small.rlim_cur = std::filesystem::directory_iterator(folder.path())->file_size();  // size of the temporary file
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  EXPECT_THROW(output.add(picture.finished()), Error);
  output.finish();
  ::setrlimit(RLIMIT_FSIZE, &before);
  ::signal(SIGXFSZ, handler);
  EXPECT_EQ(json::parse(folder.text("r.json"))["images"].size(), 2u);
}

std::vector<std::string> coco_names() {
  std::vector<std::string> names;
  std::ifstream file("tests/data/coco_names.txt");
  for (std::string name; std::getline(file, name);) names.push_back(name);
  return names;
}

TEST(CocoOutput, HasTheNumbersOfCocoForItsNames) {
  const TemporaryFolder folder;
  ASSERT_EQ(coco_names().size(), 80u);
  CocoOutput output(folder.file("c.json"), coco_names());
  Picture picture;
  picture.result.detections[1].class_id = 79;
  output.add(picture.finished());
  output.finish();
  const json all = json::parse(folder.text("c.json"));
  EXPECT_EQ(all[0], json::parse(R"({"image_id": 42, "file_name": "000042.jpg", "category_id": 1,
                                    "bbox": [10.5, 20.25, 50.0, 59.875], "score": 0.9})"));
  EXPECT_EQ(all[1]["category_id"], 90);
  EXPECT_EQ(all[1]["bbox"], json::parse("[100.0, 50.0, 50.1, 49.7]"));
  EXPECT_EQ(all[1]["score"], 0.12346);
}

TEST(CocoOutput, CountsOtherClassesFromOne) {
  const TemporaryFolder folder;
  CocoOutput output(folder.file("c.json"), kNames);
  Picture empty("0.jpg", "0"), named("x/a1.b.png", "a1.b"), zero("000.png", "000");
  empty.result.detections.clear();
  output.add(empty.finished());
  output.add(named.finished());
  output.add(zero.finished());
  output.finish();
  const json all = json::parse(folder.text("c.json"));
  ASSERT_EQ(all.size(), 4u);
  EXPECT_EQ(all[0]["image_id"], "a1.b");
  EXPECT_EQ(all[1]["category_id"], 2);
  EXPECT_EQ(all[2]["image_id"], 0);
}

TEST(CsvOutput, QuotesNames) {
  const TemporaryFolder folder;
  CsvOutput output(folder.file("t.csv"), kNames);
  Picture picture("a,b.jpg", "a,b");
  output.add(picture.finished());
  output.finish();
  EXPECT_EQ(folder.text("t.csv"),
            "file,class,name,score,x1,y1,x2,y2\n"
            "\"a,b.jpg\",0,person,0.9,10.5,20.25,60.5,80.125\n"
            "\"a,b.jpg\",1,\"a \"\"quoted\"\", name\",0.123456,100,50,150.1,99.7\n");
}

TEST(TxtOutput, WritesUltralyticsLabels) {
  const TemporaryFolder folder;
  TxtOutput output(folder.file("labels"), false), scored(folder.file("scored"), true);
  Picture picture;
  output.add(picture.finished());
  scored.add(picture.finished());
  EXPECT_EQ(folder.text("labels/000042.txt"), "0 0.1775 0.501875 0.25 0.59875\n1 0.62525 0.7485 0.2505 0.497\n");
  EXPECT_EQ(folder.text("scored/000042.txt"),
            "0 0.1775 0.501875 0.25 0.59875 0.9\n1 0.62525 0.7485 0.2505 0.497 0.123456\n");
  picture.result.detections.clear();
  output.add(picture.finished());
  EXPECT_EQ(folder.text("labels/000042.txt"), "") << "the labels of an earlier run are removed";
  picture.source.stem = "new";
  output.add(picture.finished());
  EXPECT_FALSE(std::filesystem::exists(folder.file("labels/new.txt")));
  EXPECT_THROW(TxtOutput("/dev/null/labels", false), Error);
}

Image read_image(const std::string& path) {
  return decode_image(read_file(path), path, 100000).image;
}

TEST(CropOutput, CutsOutTheObjects) {
  const TemporaryFolder folder;
  CropOutput output(folder.file("crops"), {"person",
                                           "../a/\x1b"
                                           "b",
                                           "bus"});
  Picture picture;
  fill(picture.image, 10, 20, 60, 80, {250, 0, 0});
  picture.result.detections.push_back(picture.result.detections[0]);
  output.add(picture.finished());
  output.add(picture.finished());
  // x: 35.5 - (50 * 1.02 + 10) / 2 = 5, to 66; y: 50.1875 - (59.875 * 1.02 + 10) / 2 = 14.65, to 85.72.
  const Image crop = read_image(folder.file("crops/person/000042.jpg"));
  EXPECT_EQ((std::vector{crop.width, crop.height}), (std::vector{66 - 5, 85 - 14}));
  EXPECT_GT(crop.at(30, 30)[0], crop.at(30, 30)[1] + 200);
  EXPECT_LT(std::abs(crop.at(1, 1)[0] - 128), 12);
  for (const char* name : {"000042-2.jpg", "000042-3.jpg", "000042-4.jpg"})
    EXPECT_TRUE(std::filesystem::exists(folder.file("crops/person/") + name)) << name;
  EXPECT_FALSE(std::filesystem::exists(folder.file("crops/person/000042-5.jpg")));
  // y: 74.85 - (49.7 * 1.02 + 10) / 2 = 44.5, clipped to 100.
  const Image other = read_image(folder.file("crops/.._a__b/000042.jpg"));
  EXPECT_EQ(other.height, 100 - 44);
}

TEST(CropOutput, KeepsFilesThatExist) {
  const TemporaryFolder folder;
  folder.write("crops/person/000042.jpg", "old");
  folder.write("crops/_../x");
  CropOutput output(folder.file("crops"), {"person", "..", "bus"});
  Picture picture;
  picture.image = Image(200, 100, 1);
  std::fill_n(picture.image.pixels.get(), 200 * 100, std::uint8_t{77});
  output.add(picture.finished());
  EXPECT_EQ(folder.text("crops/person/000042.jpg"), "old");
  EXPECT_EQ(read_image(folder.file("crops/person/000042-2.jpg")).at(3, 3)[1], 77);
  EXPECT_TRUE(std::filesystem::exists(folder.file("crops/_../000042.jpg")));
  EXPECT_THROW(CropOutput("/dev/null/crops", {}), Error);
  picture.result.detections[0].x1 = NAN;
  EXPECT_NO_THROW(output.add(picture.finished()));
}

TEST(RawOutputFile, ReadsBack) {
  const TemporaryFolder folder;
  Picture first, second("b.jpg", "b \"odd\"");
  second.raw.values[3] = -7;
  second.raw.pixels[5] = 1;
  RawOutputFile output(folder.file("raw.safetensors"), {first.source, second.source});
  output.add(first.finished());
  output.add(second.finished());
  output.finish();
  const Safetensors raw = Safetensors::read(folder.file("raw.safetensors"));
  ASSERT_EQ(raw.tensors().size(), 4u);
  const StoredTensor* values = raw.find("b \"odd\".output0");
  const StoredTensor* pixels = raw.find("b \"odd\".input_u8");
  ASSERT_TRUE(values && pixels && raw.find("000042.output0") && raw.find("000042.input_u8"));
  EXPECT_EQ(values->shape, (std::vector<std::int64_t>{6, 3}));
  EXPECT_EQ(values->to_f32()[3], -7);
  EXPECT_EQ(values->to_f32()[4], 1.25f);
  EXPECT_EQ(pixels->dtype, Dtype::u8);
  EXPECT_EQ(pixels->shape, (std::vector<std::int64_t>{2, 4, 3}));
  EXPECT_EQ(std::to_integer<int>(pixels->data[5]), 255);
  EXPECT_EQ(std::to_integer<int>(pixels->data[6]), 128);
}

TEST(RawOutputFile, IsSoundWithoutPictures) {
  const TemporaryFolder folder;
  Picture picture;
  RawOutputFile output(folder.file("raw.safetensors"), {picture.source});
  output.finish();
  EXPECT_TRUE(Safetensors::read(folder.file("raw.safetensors")).tensors().empty());
}

TEST(ImageOutput, DrawsInTheFormatOfThePicture) {
  const TemporaryFolder folder;
  ImageOutput output(folder.file("out/deep"), {"person", "car", "bus"});
  Picture jpeg, other("b.bmp", "b");
  output.add(jpeg.finished());
  Finished finished = other.finished();
  finished.format = ImageFormat::bmp;
  output.add(finished);
  EXPECT_EQ(decode_image(read_file(folder.file("out/deep/000042.jpg")), "j", 100000).format, ImageFormat::jpeg);
  const DecodedImage drawn = decode_image(read_file(folder.file("out/deep/b.png")), "p", 100000);
  ASSERT_EQ(drawn.format, ImageFormat::png);
  const Colour corner = {drawn.image.at(11, 79)[0], drawn.image.at(11, 79)[1], drawn.image.at(11, 79)[2]};
  EXPECT_EQ(corner, class_colour(0));
  EXPECT_THROW(ImageOutput("/dev/null/out", {}), Error);
}

}  // namespace
}  // namespace cudet::test
