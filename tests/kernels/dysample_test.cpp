#include <bit>
#include <string>

#include "kernels/upsample/upsample.h"
#include "runtime/model/safetensors.h"
#include "tests/kernels/dysample_cases.h"

namespace cudet::test {

class DySampleTest : public testing::TestWithParam<DySampleCase>, protected DySampleProblem {
 protected:
  DySampleTest() : DySampleProblem(GetParam()) {}
  Arena cpu() {
    Arena got = arena;
    for (int tile = op.tiles(); tile-- > 0;) dysample_cpu(op, {got.data(), nullptr}, tile, tile + 1);
    return got;
  }
  Arena reference() {
    Arena want = arena;
    run_reference(op, {want.data(), nullptr});
    return want;
  }
};

TEST_P(DySampleTest, Cpu) {
  expect_close(cpu().values, reference().values, 2e-6);
}

TEST_P(DySampleTest, NearestUpsamplingBitForBit) {
  make_nearest();
  Arena want = arena;
  run_reference(Upsample{op.x, op.y, op.scale}, {want.data(), nullptr});
  for (const Arena& got : {reference(), cpu()})
    for (std::size_t e = 0; e < want.values.size(); ++e)
      ASSERT_EQ(std::bit_cast<unsigned>(got.values[e]), std::bit_cast<unsigned>(want.values[e])) << "element " << e;
}

TEST_P(DySampleTest, WildOffsetsStayWithin) {
  make_wild();
  const Arena got = cpu(), want = reference();
  std::size_t written = 0;
  for (std::size_t e = 0; e < want.values.size(); ++e) {
    written += want.values[e] != arena.values[e] && std::isfinite(want.values[e]);
    ASSERT_TRUE(std::isfinite(want.values[e]) ? std::abs(got.values[e] - want.values[e]) <= 2e-6f
                                              : got.values[e] == want.values[e] || std::isnan(want.values[e]))
        << "element " << e << ": " << got.values[e] << ", expected " << want.values[e];
  }
  EXPECT_EQ(written, static_cast<std::size_t>(op.y.n) * op.y.h * op.y.w * op.y.c);
}

INSTANTIATE_TEST_SUITE_P(Shapes, DySampleTest, testing::ValuesIn(kDySampleCases));

// The golden cases are whole DySample modules of PyTorch; here their 1×1 convolutions are plain loops.
class DySampleGoldenTest : public testing::TestWithParam<int> {
 protected:
  static const Safetensors& golden() {
    static const Safetensors file = Safetensors::read("tests/data/dysample.safetensors");
    return file;
  }
};

// o(k) = bias(k) + Σ_c weight(k, c) · x(c, v, u), with x of C,H,W.
float convolve(const std::vector<float>& weight, const std::vector<float>& bias, const std::vector<float>& x, int c,
               int k, std::size_t pixel, std::size_t pixels) {
  double sum = bias[k];
  for (int input = 0; input < c; ++input)
    sum += static_cast<double>(weight[static_cast<std::size_t>(k) * c + input]) * x[input * pixels + pixel];
  return static_cast<float>(sum);
}

// pixel_unshuffle rearranges C, s·H, s·W to C·s², H, W; returns the offset in C, s·H, s·W of channel `c` of a pixel.
std::size_t shuffled(int c, int v, int u, int h, int w, int s) {
  const std::size_t channel = c / (s * s);
  const int p = c / s % s, q = c % s;
  return (channel * h * s + v * s + p) * w * s + u * s + q;
}

TEST_P(DySampleGoldenTest, WholeModule) {
  const std::string name = "case" + std::to_string(100 + GetParam()).substr(1) + ".";
  const StoredTensor *x = golden().find(name + "x"), *y = golden().find(name + "y");
  ASSERT_TRUE(x && y) << name;
  const int n = static_cast<int>(x->shape[0]), c = static_cast<int>(x->shape[1]), h = static_cast<int>(x->shape[2]),
            w = static_cast<int>(x->shape[3]), s = static_cast<int>(y->shape[2]) / h;
  const StoredTensor& weight = *golden().find(name + "offset.weight");
  const bool dyscope = golden().find(name + "scope.weight"), pl = weight.shape[1] != c;
  const int maps = static_cast<int>(weight.shape[0]) * (pl ? s * s : 1);

  Arena arena(Space::arena);
  DySample op{};
  op.scale = s;
  op.groups = maps / (2 * s * s);
  op.dyscope = dyscope;
  op.x = arena.place(n, h, w, c);
  op.offset = arena.place(n, h, w, maps * (dyscope ? 2 : 1));
  op.y = arena.place(n, s * h, s * w, c);
  Arena want = arena;

  const std::vector<float> x_values = x->to_f32(), y_values = y->to_f32();
  const std::size_t image = static_cast<std::size_t>(c) * h * w;
  for (int i = 0; i < n; ++i) {
    for (int v = 0; v < h; ++v)
      for (int u = 0; u < w; ++u)
        for (int k = 0; k < c; ++k)
          arena.at(op.x, i, v, u, k) = x_values[i * image + (static_cast<std::size_t>(k) * h + v) * w + u];
    for (int v = 0; v < s * h; ++v)
      for (int u = 0; u < s * w; ++u)
        for (int k = 0; k < c; ++k)
          want.at(op.y, i, v, u, k) = y_values[((static_cast<std::size_t>(i) * c + k) * s * h + v) * s * w + u];

    std::vector<float> source(x_values.begin() + i * image, x_values.begin() + (i + 1) * image);
    if (pl)
      for (int k = 0; k < c; ++k)
        for (int v = 0; v < h; ++v)
          for (int u = 0; u < w; ++u) source[shuffled(k, v, u, h, w, s)] = arena.at(op.x, i, v, u, k);
    for (int part = 0; part < (dyscope ? 2 : 1); ++part) {
      const std::string of = name + (part == 0 ? "offset." : "scope.");
      const std::vector<float> kernel = golden().find(of + "weight")->to_f32(),
                               bias = golden().find(of + "bias")->to_f32();
      for (int v = 0; v < h; ++v)
        for (int u = 0; u < w; ++u)
          for (int m = 0; m < maps; ++m) {
            const std::size_t area = static_cast<std::size_t>(h) * w * (pl ? s * s : 1);
            const std::size_t pixel = pl ? shuffled(m, v, u, h, w, s) % area : static_cast<std::size_t>(v) * w + u;
            arena.at(op.offset, i, v, u, part * maps + m) =
                convolve(kernel, bias, source, pl ? c / (s * s) : c, pl ? m / (s * s) : m, pixel, area);
          }
    }
  }
  for (const bool cpu : {false, true}) {
    Arena got = arena;
    const Memory memory{got.data(), nullptr};
    if (cpu)
      dysample_cpu(op, memory, 0, op.tiles());
    else
      run_reference(op, memory);
    double largest = 0, difference = 0;
    for (int i = 0; i < n; ++i)
      for (int v = 0; v < s * h; ++v)
        for (int u = 0; u < s * w; ++u)
          for (int k = 0; k < c; ++k) {
            const double expected = want.at(op.y, i, v, u, k), gap = std::abs(got.at(op.y, i, v, u, k) - expected);
            largest = std::max(largest, std::abs(expected));
            difference = gap <= difference ? difference : gap;  // keeps NaN, which then fails
          }
    EXPECT_GT(largest, 0.1);
    EXPECT_TRUE(difference <= 1e-5 * largest) << (cpu ? "cpu " : "reference ") << difference / largest;
  }
}

INSTANTIATE_TEST_SUITE_P(PyTorch, DySampleGoldenTest, testing::Range(0, 20));

}  // namespace cudet::test
