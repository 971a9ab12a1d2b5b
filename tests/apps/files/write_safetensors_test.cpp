#include "apps/files/write_safetensors.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "kernels/error.h"
#include "tests/temporary.h"

namespace cudet::test {
namespace {

namespace fs = std::filesystem;

template <class T>
StoredTensor tensor(Dtype dtype, std::vector<std::int64_t> shape, const std::vector<T>& values) {
  return {dtype, std::move(shape), std::as_bytes(std::span(values))};
}

TEST(WriteSafetensors, WritesWhatIsRead) {
  const TemporaryFolder folder;
  const std::vector<float> a = {1, -2.5f, 3, 4, 5, 6};
  const std::vector<std::uint16_t> half = {0x3c00, 0xc100, 0x0001};
  const std::vector<std::uint8_t> odd = {7};
  const std::string path = folder.file("t.safetensors");
  write_safetensors(path,
                    {{"z", tensor(Dtype::f32, {2, 3}, a)},
                     {"half", tensor(Dtype::f16, {3}, half)},
                     {"a", tensor(Dtype::u8, {}, odd)},
                     {"none", tensor(Dtype::f32, {0, 4}, std::vector<float>{})}},
                    {{"made by", "a test"}});
  const Safetensors read = Safetensors::read(path);
  ASSERT_EQ(read.tensors().size(), 4u);
  EXPECT_EQ(read.metadata().at("made by"), "a test");
  EXPECT_EQ(read.find("z")->shape, (std::vector<std::int64_t>{2, 3}));
  EXPECT_EQ(read.find("z")->to_f32(), a);
  EXPECT_EQ(read.find("half")->to_f32(), (std::vector<float>{1, -2.5f, 0x1p-24f}));
  EXPECT_EQ(read.find("a")->to_f32(), std::vector<float>{7});
  EXPECT_EQ(read.find("none")->elements(), 0u);
  EXPECT_EQ(read.find("y"), nullptr);
  EXPECT_EQ((read.find("z")->data.data() - read.find("none")->data.data()) % 4, 0);
  EXPECT_EQ(folder.files(), 1) << "a temporary file was left";
}

TEST(WriteSafetensors, RefusesWrongShapesAndFullDisks) {
  const TemporaryFolder folder;
  const std::vector<float> a(1000);
  EXPECT_THROW(write_safetensors(folder.file("t"), {{"a", tensor(Dtype::f32, {2}, a)}}), Error);
  EXPECT_THROW(write_safetensors(folder.file("t"), {{"a\xff", tensor(Dtype::f32, {1000}, a)}}), Error);
  EXPECT_THROW(write_safetensors(folder.file("none/t"), {{"a", tensor(Dtype::f32, {1000}, a)}}), Error);
  EXPECT_TRUE(fs::is_empty(folder.path()));
  if (!fs::exists("/dev/full")) GTEST_SKIP() << "NOT RUN, there is no /dev/full: the test of a full disk";
  EXPECT_THROW(write_safetensors("/dev/full", {{"a", tensor(Dtype::f32, {1000}, a)}}), Error);
}

}  // namespace
}  // namespace cudet::test
