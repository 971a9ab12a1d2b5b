// Every instruction against its definition, written as loops. These tests use only CUDA, so they run on the fiber
// device, on the emulated device and on a GPU.
#include "tests/kernels/device.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <numeric>
#include <random>

#include "tests/simt/tests/probes.h"

namespace cudet::test {

std::vector<unsigned> numbers(std::size_t size, unsigned below, unsigned seed = 1) {
  std::mt19937 random(seed);
  std::vector<unsigned> values(size);
  for (unsigned& v : values) v = static_cast<unsigned>(random()) % below;
  return values;
}

// f16 by its definition: 1 sign bit, 5 of exponent, 10 of fraction.
double f16_value(unsigned bits) {
  const int exponent = static_cast<int>(bits >> 10 & 31), fraction = static_cast<int>(bits & 1023);
  const double sign = bits >> 15 != 0 ? -1 : 1;
  if (exponent == 31) return fraction == 0 ? sign * HUGE_VAL : NAN;
  return sign * (exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25));
}
// The nearest f16, ties to even. The type of `x` is wide enough to hold an exact result.
unsigned f16_bits(__float128 x) {
  const unsigned sign = x < 0 || (x == 0 && std::signbit(static_cast<double>(x))) ? 0x8000 : 0;
  if (x != x) return 0x7fff;
  if (x < 0) x = -x;
  if (x >= 65520) return sign | 0x7c00;
  int step = -24;  // log2 of the unit in the last place
  while (x >= std::ldexp(2048, step)) ++step;
  const __float128 scaled = x * std::ldexp(1, -step);
  unsigned fraction = static_cast<unsigned>(scaled);
  const __float128 rest = scaled - fraction;
  if (rest > 0.5 || (rest == 0.5 && fraction % 2 == 1)) ++fraction;
  return sign | static_cast<unsigned>((step + 24) * 1024 + static_cast<int>(fraction));
}
bool same_f16(unsigned a, unsigned b) {
  return a == b || (std::isnan(f16_value(a)) && std::isnan(f16_value(b)));
}

class Device : public testing::Test {
 protected:
  void SetUp() override {
    int count = 0;
    const cudaError_t error = cudaGetDeviceCount(&count);
    if (error != cudaSuccess || count == 0) GTEST_SKIP() << "NOT RUN, no CUDA device: " << cudaGetErrorString(error);
    on = default_stream();
  }
  CudaStream on{};
};

TEST_F(Device, ShufflesAndVotes) {
  const std::vector<unsigned> in = numbers(kThreads, 1000);
  const DeviceArray<unsigned> device_in(in), out(kWarpProbes * kThreads);
  probe_warp(on, device_in.data(), out.data());
  const std::vector<unsigned> got = out.values();
  for (unsigned t = 0; t < kThreads; ++t) {
    const unsigned lane = t % 32, *w = &in[t / 32 * 32];
    unsigned odd = 0, second_bit = 0, zero = 0, all_odd = 1;
    for (unsigned l = 0; l < 32; ++l) {
      odd |= (w[l] & 1) << l;
      second_bit |= (w[l] >> 1 & 1) << l;
      zero |= w[l] == 0;
      all_odd &= w[l] & 1;
    }
    const float other = static_cast<float>(w[lane ^ 16]);
    unsigned other_bits;
    std::memcpy(&other_bits, &other, 4);
    const unsigned want[kWarpProbes] = {
        w[(lane * 7 + 3) % 32],
        w[lane / 8 * 8 + 5],
        w[lane < 3 ? lane : lane - 3],
        w[lane % 8 < 1 ? lane : lane - 1],
        w[lane % 16 + 3 < 16 ? lane + 3 : lane],
        w[lane ^ 5],
        w[(lane ^ 12) / 8 <= lane / 8 ? lane ^ 12 : lane],  // from a later segment: the lane's own value
        odd,
        1 + 2 * zero,
        1 + 2 * all_odd,
        lane < 16 ? second_bit & 0xffff : w[20],
        other_bits};
    for (int p = 0; p < kWarpProbes; ++p) ASSERT_EQ(got[p * kThreads + t], want[p]) << "probe " << p << " thread " << t;
  }
}

TEST_F(Device, Ldmatrix) {
  const std::vector<unsigned> in = numbers(32 * 8, 0xffffffff);
  const DeviceArray<unsigned> device_in(in), out(4 * 32);
  probe_ldmatrix(on, device_in.data(), out.data());
  const std::vector<unsigned> got = out.values();
  // Row r of matrix m is half of row 8m + r of `in`: the second half if 8m + r is odd.
  const auto element = [&](int m, int r, int c) {
    const int row = 8 * m + r;
    return in[row * 8 + row % 2 * 4 + c / 2] >> 16 * (c % 2) & 0xffff;
  };
  for (int lane = 0; lane < 32; ++lane)
    for (int m = 0; m < 4; ++m) {
      const int g = lane / 4, t = lane % 4;
      ASSERT_EQ(got[m * 32 + lane], element(m, g, 2 * t) | element(m, g, 2 * t + 1) << 16) << "lane " << lane;
    }
}

TEST_F(Device, Mma) {
  constexpr int kBlocks = 5;
  std::mt19937 random(3);
  const auto exact = [&] { return (static_cast<int>(random() % 65) - 32) / 8.0; };  // sums are exact in every order
  std::vector<unsigned short> a(kBlocks * 256), b(kBlocks * 128);
  std::vector<float> d(kBlocks * 128), want;
  for (unsigned short& v : a) v = static_cast<unsigned short>(f16_bits(exact()));
  for (unsigned short& v : b) v = static_cast<unsigned short>(f16_bits(exact()));
  for (float& v : d) v = static_cast<float>(exact());
  want = d;
  for (int block = 0; block < kBlocks; ++block)
    for (int m = 0; m < 16; ++m)
      for (int n = 0; n < 8; ++n)
        for (int k = 0; k < 16; ++k)
          want[block * 128 + m * 8 + n] +=
              static_cast<float>(f16_value(a[block * 256 + m * 16 + k]) * f16_value(b[block * 128 + n * 16 + k]));
  const DeviceArray<unsigned short> device_a(a), device_b(b);
  const DeviceArray<float> device_d(d);
  probe_mma(on, kBlocks, device_a.data(), device_b.data(), device_d.data());
  ASSERT_EQ(device_d.values(), want);
}

TEST_F(Device, MmaOfSubnormalsInfinityAndNan) {
  std::vector<unsigned short> a(256, 0), b(128, 0x3c00);  // b is all 1
  a[0] = 1;                                               // row 0: 2^-24
  a[16 + 3] = 0x7c00;                                     // row 1: infinity
  a[32 + 7] = 0x7e00;                                     // row 2: NaN
  a[48 + 15] = 0xc000;                                    // row 3: -2
  const DeviceArray<unsigned short> device_a(a), device_b(b);
  const DeviceArray<float> d(std::vector<float>(128, 0.f));
  probe_mma(on, 1, device_a.data(), device_b.data(), d.data());
  const std::vector<float> got = d.values();
  for (int n = 0; n < 8; ++n) {
    EXPECT_EQ(got[n], 0x1p-24f);
    EXPECT_EQ(got[8 + n], HUGE_VALF);
    EXPECT_TRUE(std::isnan(got[16 + n]));
    EXPECT_EQ(got[24 + n], -2);
    EXPECT_EQ(got[127 - n], 0);
  }
}

TEST_F(Device, HalfArithmeticRoundsOnce) {
  constexpr int kCount = 100000;
  std::mt19937 random(4);
  std::vector<unsigned short> in[3];
  for (std::vector<unsigned short>& v : in)
    for (int i = 0; i < kCount; ++i) v.push_back(static_cast<unsigned short>(random()));
  for (int i = 0; i < kCount / 2; ++i)  // similar magnitudes, so that sums cancel and rounding ties occur
    for (int v = 0; v < 3; ++v) in[v][i] = static_cast<unsigned short>(0x3800 + (random() & 0x87ff));
  const DeviceArray<unsigned short> a(in[0]), b(in[1]), c(in[2]), out(kHalfProbes * kCount);
  probe_half(on, kCount, a.data(), b.data(), c.data(), out.data());
  const std::vector<unsigned short> got = out.values();
  for (int i = 0; i < kCount; ++i) {
    const __float128 x = f16_value(in[0][i]), y = f16_value(in[1][i]), z = f16_value(in[2][i]);
    const double dx = f16_value(in[0][i]), dy = f16_value(in[1][i]);
    const unsigned want[kHalfProbes] = {f16_bits(x + y),
                                        f16_bits(x - y),
                                        f16_bits(x * y),
                                        f16_bits(x / y),
                                        f16_bits(x * y + z),
                                        f16_bits(std::fmax(dx, dy)),
                                        f16_bits(std::fmin(dx, dy)),
                                        f16_bits(x + y),
                                        f16_bits(y * z),
                                        f16_bits(x * y + z),
                                        f16_bits(y * z + z),
                                        f16_bits(x * y / 4)};
    for (int p = 0; p < kHalfProbes; ++p) {
      const unsigned g = got[p * kCount + i];
      // The sign of a zero of fmax or fmin is undefined, and f16_bits() does not keep that of an exact sum.
      if ((g & 0x7fff) == 0 && (want[p] & 0x7fff) == 0) continue;
      ASSERT_TRUE(same_f16(g, want[p])) << "probe " << p << " of " << std::hex << in[0][i] << " " << in[1][i] << " "
                                        << in[2][i] << ": " << g << ", expected " << want[p];
    }
  }
}

TEST_F(Device, HalfConversions) {
  std::mt19937 random(5);
  std::vector<float> f = {0.f,   -0.f,      65504.f,  65519.996f,      65520.f,
                          1e30f, HUGE_VALF, 0x1p-25f, 0x1.000002p-25f, 0x1p-26f};
  for (unsigned bits = 0; bits < 0x7c00;
       ++bits) {  // each f16, and values at and next to the midpoint to the following one
    const float low = static_cast<float>(f16_value(bits)), high = static_cast<float>(f16_value(bits + 1));
    const float middle = std::isinf(high) ? 65520.f : low + (high - low) / 2;
    for (const float x : {low, middle, std::nextafter(middle, 0.f), std::nextafter(middle, HUGE_VALF)})
      f.insert(f.end(), {x, -x});
  }
  const int n = static_cast<int>(f.size());
  const DeviceArray<float> device_f(f), back(65536);
  const DeviceArray<unsigned short> to(f.size());
  probe_conversions(on, n, device_f.data(), to.data(), back.data());
  const std::vector<unsigned short> halves = to.values();
  for (int i = 0; i < n; ++i) ASSERT_EQ(halves[i], f16_bits(f[i])) << f[i];
  const std::vector<float> floats = back.values();
  for (unsigned bits = 0; bits < 65536; ++bits) {
    const double want = f16_value(bits);
    ASSERT_TRUE(floats[bits] == want || (std::isnan(want) && std::isnan(floats[bits]))) << bits;
  }
}

TEST_F(Device, CpAsync) {
  for (const int bytes : {16, 8, 0}) {
    const std::vector<unsigned> in = numbers(4 * 1000, 0xffffffff);
    const DeviceArray<unsigned> device_in(in), out(in.size());
    probe_cp_async(on, static_cast<int>(in.size()), bytes, device_in.data(), out.data());
    std::vector<unsigned> want = in;
    for (std::size_t i = 0; i < want.size(); ++i)
      if (static_cast<int>(i % 4 * 4) >= bytes) want[i] = 0;
    ASSERT_EQ(out.values(), want) << bytes;
  }
}

TEST_F(Device, Atomics) {
  constexpr unsigned kBlocks = 3, kCount = kBlocks * kThreads;
  const DeviceArray<unsigned> counters(std::vector<unsigned>{0, 0, ~0u, 0, ~0u, 0, 0, 0, 0});
  const DeviceArray<float> sum(std::vector<float>{1.f});
  probe_atomics(on, kBlocks, counters.data(), sum.data());
  std::vector<unsigned> want = {kCount * (kCount - 1) / 2, 0, ~0u, ~0u, ~0x7fu, 0, kCount, 0, kCount - 1};
  for (unsigned i = 0; i < kCount; ++i) {
    want[1] = std::max(want[1], i ^ 0x55);
    want[2] = std::min(want[2], i ^ 0x55);
    want[5] ^= i;
  }
  std::vector<unsigned> got = counters.values();
  EXPECT_TRUE(got[7] >= 1 && got[7] <= kCount) << got[7];  // the thread that came last
  got[7] = 0;
  EXPECT_EQ(got, want);
  EXPECT_EQ(sum.values()[0], 1 + kCount * 0.5f);
}

TEST_F(Device, LastBlockReducesPartialSums) {
  const int n = 5000, blocks = 7;
  std::vector<unsigned> in = numbers(n, 1000);
  for (int i = 0; i < n; ++i)
    if (i / kThreads % blocks == 2) in[i] &= ~1u;  // block 2 has no odd element
  const DeviceArray<unsigned> device_in(in), partial(blocks), total(std::vector<unsigned>{0, 0}),
      ticket(std::vector<unsigned>{0});
  probe_reduce(on, blocks, n, device_in.data(), partial.data(), total.data(), ticket.data());
  EXPECT_EQ(total.values(), (std::vector<unsigned>{std::accumulate(in.begin(), in.end(), 0u), blocks - 1}));
}

TEST_F(Device, GridBarrier) {
  const int rounds = 6, blocks = 2 * on.multiprocessors;
  std::vector<unsigned> want(2 * blocks, 0), next(blocks);
  for (int b = 0; b < blocks; ++b) want[b] = static_cast<unsigned>(b * b + 1);
  const DeviceArray<unsigned> values(want), arrivals(std::vector<unsigned>{0});
  probe_grid_barrier(on, blocks, rounds, values.data(), arrivals.data());
  for (int round = 0; round < rounds; ++round)
    for (int b = 0; b < blocks; ++b)
      want[(round + 1) % 2 * blocks + b] =
          want[round % 2 * blocks + (b + 1) % blocks] + want[round % 2 * blocks + (b + blocks - 1) % blocks];
  EXPECT_EQ(values.values(), want);
}

TEST_F(Device, BlocksWaitForEarlierBlocks) {
  const int blocks = 4 * on.multiprocessors;
  const DeviceArray<unsigned> values(blocks), flags(std::vector<unsigned>(blocks, 0));
  probe_chain(on, blocks, values.data(), flags.data());
  std::vector<unsigned> want(blocks);
  std::iota(want.begin(), want.end(), 1);
  EXPECT_EQ(values.values(), want);
}

TEST_F(Device, GraphReplay) {
  const int n = 1000;
  cudaStream_t stream;
  check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "stream");
  const CudaStream capturing{stream, on.multiprocessors, on.shared_bytes_per_block, nullptr, 0};
  const DeviceArray<float> a(n), b(n), c(n);
  check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal), "capture");
  check(cudaMemsetAsync(b.data(), 0, n * sizeof(float), stream), "memset");
  probe_negate(capturing, n, a.data(), b.data());
  probe_negate(capturing, n, b.data(), c.data());
  cudaGraph_t graph;
  cudaGraphExec_t exec;
  check(cudaStreamEndCapture(stream, &graph), "capture");
  check(cudaGraphInstantiate(&exec, graph, 0), "instantiate");
  check(cudaGraphDestroy(graph), "graph");
  for (float first : {1.f, -5.f}) {
    std::vector<float> values(n);
    std::iota(values.begin(), values.end(), first);
    check(cudaMemcpyAsync(a.data(), values.data(), n * sizeof(float), cudaMemcpyHostToDevice, stream), "upload");
    check(cudaGraphLaunch(exec, stream), "launch");
    check(cudaStreamSynchronize(stream), "synchronize");
    EXPECT_EQ(c.values(), values);
    EXPECT_EQ(b.values()[n - 1], -values[n - 1]);
  }
  check(cudaGraphExecDestroy(exec), "graph");
  check(cudaStreamDestroy(stream), "stream");
}

TEST_F(Device, LaunchErrorsNameTheStep) {
  const DeviceArray<float> a(1);
  try {
    probe_speed(on, 0, 2, a.data());
    FAIL() << "a grid of 0 blocks was launched";
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()).rfind("speed: CUDA: ", 0), 0u) << error.what();
  }
  EXPECT_EQ(cudaGetLastError(), cudaSuccess);  // the error was already returned
  CudaStream small = on;
  small.shared_bytes_per_block = 100;
  EXPECT_THROW(probe_speed(small, 1, 2, a.data()), Error);
}

}  // namespace cudet::test
