#include "apps/checkpoint/zip_archive.h"

#include <gtest/gtest.h>

#include <cstring>

#include "apps/checkpoint/torch_file.h"
#include "kernels/error.h"

namespace cudet::convert::test {
namespace {

/// Builds zip archives, including invalid ones.
class Zip {
 public:
  Zip& add(const std::string& name, const std::string& data) {
    return add(name, data, static_cast<std::uint32_t>(data.size()));
  }
  Zip& add(const std::string& name, const std::string& data, std::uint32_t claimed, std::uint16_t method = 0,
           std::uint16_t flags = 0) {
    const std::uint32_t start = static_cast<std::uint32_t>(bytes_.size());
    const std::string common = u16(20) + u16(flags) + u16(method) + u32(0) + u32(crc(data)) +
                               u32(static_cast<std::uint32_t>(data.size())) + u32(claimed) +
                               u16(static_cast<std::uint16_t>(name.size())) + u16(0);
    bytes_ += "PK\x03\x04" + common + name + data;
    directory_ += "PK\x01\x02" + u16(20) + common + u16(0) + u16(0) + u16(0) + u32(0) + u32(start) + name;
    ++count_;
    return *this;
  }
  std::vector<std::byte> bytes() const {
    const std::string all = bytes_ + directory_ + "PK\x05\x06" + u32(0) + u16(count_) + u16(count_) +
                            u32(static_cast<std::uint32_t>(directory_.size())) +
                            u32(static_cast<std::uint32_t>(bytes_.size())) + u16(0);
    const auto* first = reinterpret_cast<const std::byte*>(all.data());
    return {first, first + all.size()};
  }

 private:
  static std::string u16(std::uint16_t v) { return {reinterpret_cast<const char*>(&v), 2}; }
  static std::string u32(std::uint32_t v) { return {reinterpret_cast<const char*>(&v), 4}; }
  static std::uint32_t crc(const std::string& data) {
    std::uint32_t value = ~0u;
    for (const char c : data) {
      value ^= static_cast<unsigned char>(c);
      for (int bit = 0; bit < 8; ++bit) value = value >> 1 ^ (value & 1 ? 0xedb88320u : 0);
    }
    return ~value;
  }
  std::string bytes_, directory_;
  std::uint16_t count_ = 0;
};

template <class Action>
void expect_refused(const Action& action, const std::string& why) {
  try {
    action();
    ADD_FAILURE() << "accepted, expected: " << why;
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find(why), std::string::npos) << error.what() << ", expected: " << why;
  }
}

TEST(ZipArchive, ReadsItsEntries) {
  ZipArchive first = ZipArchive::parse(Zip().add("a", "hello").add("b/c", "").bytes());
  const ZipArchive archive = std::move(first);
  EXPECT_EQ(archive.entries().size(), 2u);
  EXPECT_EQ(archive.read("a").size(), 5u);
  EXPECT_EQ(std::memcmp(archive.read("a").data(), "hello", 5), 0);
  EXPECT_TRUE(archive.read("b/c").empty());
  EXPECT_EQ(archive.read("a", 3).size(), 3u);
  EXPECT_EQ(std::memcmp(archive.read("a", 3).data(), "hel", 3), 0);
  EXPECT_EQ(archive.read("a", 5).size(), 5u);
  EXPECT_EQ(archive.read("a", 9).size(), 5u);
  EXPECT_TRUE(archive.read("a", 0).empty());
  expect_refused([&] { archive.read("c"); }, "has no entry c");
}

TEST(ZipArchive, RefusesInvalidArchives) {
  expect_refused([] { ZipArchive::parse(std::vector<std::byte>(100)); }, "damaged zip archive");
  expect_refused([] { ZipArchive::parse(Zip().add("a", "1").add("a", "2").bytes()); }, "two entries are named a");
  expect_refused([] { ZipArchive::parse(Zip().add("a", "1", 0x7fffffff).bytes()); }, "size of 2147483647 bytes");
  expect_refused([] { ZipArchive::parse(Zip().add("a", "1", 1033, 8).bytes()); }, "size of 1033 bytes");
  expect_refused([] { ZipArchive::parse(Zip().add("a", "1", 1, 12).bytes()); }, "unsupported compression");
  expect_refused([] { ZipArchive::parse(Zip().add("a", "1", 1, 0, 1).bytes()); }, "encrypted");
  const auto cut = [](const std::string& packed, std::uint32_t claimed) {
    ZipArchive::parse(Zip().add("a", packed, claimed, 8).bytes()).read("a");
  };
  expect_refused([&] { cut("\x03", 7); }, "damaged zip archive: entry a");
  expect_refused([&] { cut("junk", 7); }, "damaged zip archive: entry a");
  std::vector<std::byte> changed = Zip().add("a", "hello").bytes();
  changed[31] = std::byte{'x'};
  expect_refused([&] { ZipArchive::parse(changed).read("a"); }, "damaged zip archive: entry a");
}

TEST(TorchFile, RefusesOtherArchives) {
  const std::string none = "N.";
  expect_refused([&] { TorchFile::parse(Zip().add("a", none).bytes()); }, "no data.pkl");
  expect_refused([&] { TorchFile::parse(Zip().add("a/data.pkl", none).add("b/data.pkl", none).bytes()); },
                 "no data.pkl");
  expect_refused([&] { TorchFile::parse(Zip().add("a/data.pkl", none).add("a/byteorder", "big").bytes()); },
                 "big-endian");
  expect_refused([&] { TorchFile::parse(Zip().add("a/data.pkl", none).add("a/constants.pkl", none).bytes()); },
                 "TorchScript");
  EXPECT_TRUE(TorchFile::parse(Zip().add("a/data.pkl", none).add("a/byteorder", "little").bytes()).root().none());
}

/// Returns the pickle of an f32 tensor over storage 0, which has 4 elements. offset, sizes, strides: as pickle opcodes.
std::string tensor_pickle(const std::string& offset, const std::string& sizes, const std::string& strides) {
  return "ctorch._utils\n_rebuild_tensor_v2\n((U\x07storagectorch\nFloatStorage\nU\x01"
         "0U\x03"
         "cpuK\x04tQ" +
         offset + "(" + sizes + "t(" + strides + "t\x89NtR";
}

TorchFile tensor(const std::string& offset, const std::string& sizes, const std::string& strides) {
  const std::string pickle = tensor_pickle(offset, sizes, strides) + ".";
  const auto* first = reinterpret_cast<const std::byte*>(pickle.data());
  const std::vector<float> values = {1, 2, 3, 4};
  const auto bytes = std::as_bytes(std::span(values));
  return TorchFile::assemble({first, first + pickle.size()}, {{"0", {bytes.begin(), bytes.end()}}});
}

std::vector<float> values(TorchFile file) {
  return file.tensor(file.root(), "t").to_f32();
}

TEST(TorchFile, FollowsStridesAndOffsets) {
  EXPECT_EQ(values(tensor("K\x01", "K\x03", "K\x01")), (std::vector<float>{2, 3, 4}));
  EXPECT_EQ(values(tensor("I0\n", "K\x02K\x02", "K\x01K\x02")), (std::vector<float>{1, 3, 2, 4}));
  EXPECT_EQ(values(tensor("K\x03", "K\x02K\x02", "I0\nI0\n")), (std::vector<float>{4, 4, 4, 4}));
  EXPECT_EQ(values(tensor("K\x03", "", "")), std::vector<float>{4});
  EXPECT_TRUE(values(tensor("I0\n", "K\x02I0\n", "K\x01K\x01")).empty());
}

// A storage is read as far as its tensors need it.
TEST(TorchFile, TensorsShareAStorage) {
  const std::vector<float> stored = {1, 2, 3, 4};
  const auto* text = reinterpret_cast<const char*>(stored.data());
  const std::string pickle = "(" + tensor_pickle("I0\n", "K\x01", "K\x01") + tensor_pickle("K\x01", "K\x02", "K\x01") +
                             tensor_pickle("I0\n", "K\x04", "K\x01") + "t.";
  TorchFile file = TorchFile::parse(Zip().add("a/data.pkl", pickle).add("a/data/0", std::string(text, 16)).bytes());
  const StoredTensor first = file.tensor(file.root()[0], "t"), second = file.tensor(file.root()[1], "t");
  const StoredTensor third = file.tensor(file.root()[2], "t");
  EXPECT_EQ(first.to_f32(), std::vector<float>{1});
  EXPECT_EQ(second.to_f32(), (std::vector<float>{2, 3}));
  EXPECT_EQ(third.to_f32(), stored);
}

TEST(TorchFile, RefusesTensorsOutsideTheirStorage) {
  const auto refused = [](const char* offset, const char* sizes, const char* strides, const char* why) {
    expect_refused([&] { values(tensor(offset, sizes, strides)); }, std::string("t: ") + why);
  };
  refused("K\x02", "K\x03", "K\x01", "reaches outside");
  refused("K\x05", "I0\n", "K\x01", "reaches outside");
  refused("I-1\n", "K\x01", "K\x01", "has invalid sizes or strides");
  refused("I0\n", "I-1\n", "K\x01", "reaches outside");
  refused("I0\n", "K\x02", "I-1\n", "reaches outside");
  refused("I0\n", "K\x02K\x02", "K\x01", "has invalid sizes or strides");
  refused("I0\n", "N", "K\x01", "has invalid sizes or strides");
  refused("I0\n", "I4611686018427387905\nK\x02", "K\x04K\x01", "reaches outside");
  refused("I0\n", "I4611686018427387904\nI4611686018427387904\n", "I0\nI0\n",
          "the tensors are larger than the file can hold");
  refused("I0\n", "I1000000\n", "I0\n", "the tensors are larger than the file can hold");
}

}  // namespace
}  // namespace cudet::convert::test
