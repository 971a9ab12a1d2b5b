#include "runtime/model/safetensors.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

#include "apps/files/write_safetensors.h"
#include "kernels/error.h"
#include "tests/temporary.h"

namespace cudet::test {
namespace {

std::vector<std::byte> file(const std::string& header, std::size_t data, std::uint64_t length) {
  std::vector<std::byte> bytes(8 + header.size() + data);
  std::memcpy(bytes.data(), &length, 8);
  std::memcpy(bytes.data() + 8, header.data(), header.size());
  return bytes;
}
std::vector<std::byte> file(const std::string& header, std::size_t data = 0) {
  return file(header, data, header.size());
}

template <class T>
StoredTensor tensor(Dtype dtype, std::vector<std::int64_t> shape, const std::vector<T>& values) {
  return {dtype, std::move(shape), std::as_bytes(std::span(values))};
}

TEST(Safetensors, ConvertsEveryTypeToF32) {
  const float inf = std::numeric_limits<float>::infinity();
  const std::vector<std::uint16_t> f16 = {0x0000, 0x8000, 0x03ff, 0x0400, 0x7bff, 0xfc00};
  const std::vector<float> as_f32 = {0, -0.0f, 1023 * 0x1p-24f, 0x1p-14f, 65504, -inf};
  EXPECT_EQ(tensor(Dtype::f16, {6}, f16).to_f32(), as_f32);
  EXPECT_TRUE(std::signbit(tensor(Dtype::f16, {6}, f16).to_f32()[1]));
  EXPECT_TRUE(std::isnan(tensor(Dtype::f16, {1}, std::vector<std::uint16_t>{0x7e00}).to_f32()[0]));
  EXPECT_EQ(tensor(Dtype::bf16, {2}, std::vector<std::uint16_t>{0x3f80, 0xc040}).to_f32(), (std::vector<float>{1, -3}));
  EXPECT_EQ(tensor(Dtype::f64, {1}, std::vector<double>{0.1}).to_f32(), std::vector<float>{0.1f});
  EXPECT_EQ(tensor(Dtype::i64, {1}, std::vector<std::int64_t>{-9}).to_f32(), std::vector<float>{-9});
  EXPECT_EQ(tensor(Dtype::i32, {1}, std::vector<std::int32_t>{-9}).to_f32(), std::vector<float>{-9});
}

// All 65536 values, against the definition of IEEE 754.
TEST(Safetensors, ConvertsEveryHalfExactly) {
  std::vector<std::uint16_t> halves(1 << 16);
  std::iota(halves.begin(), halves.end(), std::uint16_t{0});
  const std::vector<float> got = tensor(Dtype::f16, {1 << 16}, halves).to_f32();
  for (const std::uint16_t half : halves) {
    const int sign = half >> 15 ? -1 : 1, exponent = half >> 10 & 31, fraction = half & 1023;
    if (exponent == 31 && fraction) {
      EXPECT_TRUE(std::isnan(got[half])) << half;
      continue;
    }
    const double magnitude = exponent == 31 ? std::numeric_limits<double>::infinity()
                             : exponent     ? std::ldexp(1024 + fraction, exponent - 25)
                                            : std::ldexp(fraction, -24);
    EXPECT_EQ(got[half], sign * magnitude) << half;
    EXPECT_EQ(std::signbit(got[half]), sign < 0) << half;
  }
}

TEST(Safetensors, DataMayStartAtAnyByte) {
  const std::string header = R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}} )";
  for (std::size_t spaces = 0; spaces < 4; ++spaces)
    EXPECT_EQ(Safetensors::parse(file(header + std::string(spaces, ' '), 4), "t").find("a")->to_f32(),
              std::vector<float>{0});
}

TEST(Safetensors, MoveKeepsTheData) {
  Safetensors first = Safetensors::parse(file(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})", 2), "t");
  const std::byte* at = first.find("a")->data.data();
  const Safetensors second = std::move(first);
  EXPECT_EQ(second.find("a")->data.data(), at);
}

TEST(Safetensors, RejectsInvalidFiles) {
  const auto one = [](const char* dtype, const char* shape, const char* offsets) {
    return std::string(R"({"a":{"dtype":")") + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}}";
  };
  const struct {
    std::vector<std::byte> bytes;
    const char* why;
  } cases[] = {
      {{}, "shorter than 8 bytes"},
      {file("", 0, 1ull << 63), "claims 9223372036854775808 bytes"},
      {file("{}", 0, 3), "claims 3 bytes"},
      {file("{"), "not JSON"},
      {file("{} x"), "not JSON"},
      {file("[]"), "unexpected list"},
      {file("7"), "unexpected number"},
      {file(std::string(100000, '[')), "unexpected list"},
      {file(R"({"a":{"dtype":)" + std::string(100000, '{')), "unexpected object"},
      {file(one("F32", "[1]", "[0,4]"), 3), "lies at bytes 0 to 4 of 3"},
      {file(one("F32", "[1]", "[4,0]"), 4), "lies at bytes 4 to 0"},
      {file(one("F32", "[2]", "[0,4]"), 4), "its shape does not take 4 bytes"},
      {file(one("F32", "[4611686018427387904,4]", "[0,0]")), "its shape does not take 0 bytes"},
      {file(one("F32", "[-1]", "[0,4]"), 4), "negative"},
      {file(one("F32", "[1.0]", "[0,4]"), 4), "not whole"},
      {file(one("F32", "[1]", "[0,4,8]"), 4), "begin and end"},
      {file(one("F8_E4M3", "[4]", "[0,4]"), 4), "element type F8_E4M3 is not supported"},
      {file(one("U8", "[1]", "[1,2]"), 2), "gaps"},
      {file(one("U8", "[1]", "[0,1]"), 2), "it has bytes after its last tensor"},
      {file(R"({"a":{"dtype":"U8","shape":[1]}})", 1), "lacks"},
      {file(R"({"a":{"dtype":"U8","dtype":"U8","shape":[0],"data_offsets":[0,0]}})"), "dtype"},
      {file(R"({"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0],"more":null}})"), "null"},
      {file(
           R"({"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})"),
       "duplicate entry a"},
      {file(
           R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})",
           2),
       "overlap"},
      {file(R"({"__metadata__":{"a":"1","a":"2"}})"), "duplicate entry"},
  };
  const TemporaryFolder folder;
  const std::string path = folder.file("t.safetensors");
  const auto refuses = [&](const std::string& why, auto open) {
    try {
      open();
      ADD_FAILURE() << "accepted; expected error: " << why;
    } catch (const Error& error) {
      EXPECT_EQ(std::string(error.what()).rfind(path + ": ", 0), 0u) << error.what();
      EXPECT_NE(std::string(error.what()).find(why), std::string::npos) << error.what() << ", expected: " << why;
    }
  };
  for (const auto& [bytes, why] : cases) {
    refuses(why, [&] { Safetensors::parse(bytes, path); });
    folder.write("t.safetensors", {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    refuses(why, [&] { const SafetensorsFile file(path); });
  }
}

// More values of each type than one read takes.
TEST(SafetensorsFile, ReadsTheValuesThatSafetensorsReads) {
  const TemporaryFolder folder;
  std::vector<std::byte> bytes(8 * 40001);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * i % 119);  // gives no f16 NaN
  std::map<std::string, StoredTensor> tensors;
  for (const Dtype dtype :
       {Dtype::f32, Dtype::f16, Dtype::bf16, Dtype::f64, Dtype::i64, Dtype::i32, Dtype::i8, Dtype::u8})
    tensors[dtype_name(dtype)] = {dtype, {40001}, std::span(bytes).first(40001 * size_of(dtype))};
  write_safetensors(folder.file("t"), tensors);
  const Safetensors whole = Safetensors::read(folder.file("t"));
  const SafetensorsFile file(folder.file("t"));
  EXPECT_EQ(file.tensors().size(), tensors.size());
  EXPECT_EQ(file.find("none"), nullptr);
  for (const auto& [name, tensor] : file.tensors()) {
    std::vector<float> got(tensor.elements());
    file.read(tensor, got);
    EXPECT_EQ(got, whole.find(name)->to_f32()) << name;
  }
}

TEST(Safetensors, ErrorNamesThePath) {
  for (const std::string path : {"tests/data/there-is-no-such-file", "tests"}) {
    try {
      Safetensors::read(path);
      ADD_FAILURE() << path;
    } catch (const Error& error) {
      EXPECT_EQ(std::string(error.what()).rfind(path + ": n", 0), 0u) << error.what();
    }
  }
}

}  // namespace
}  // namespace cudet::test
