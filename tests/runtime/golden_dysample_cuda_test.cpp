// DySample in every style on a CUDA device, with weights and expected values of PyTorch. Each case is built, compiled
// and launched like a network: fused with its convolution if there is a kernel for both, and as two steps.
#include <gtest/gtest.h>

#include <cstring>

#include "layers/layer.h"
#include "runtime/compile/lowering.h"
#include "runtime/compile/passes.h"
#include "runtime/cpu/executor.h"
#include "runtime/cuda/program.h"
#include "runtime/model/safetensors.h"
#include "tests/kernels/device_arena.h"

namespace cudet::test {
namespace {

class GoldenWeights final : public WeightSource {
 public:
  explicit GoldenWeights(const Safetensors& file) : file_(file) {}
  bool has(const std::string& name) const override { return file_.find(name) != nullptr; }
  std::vector<int> shape(const std::string&) const override { return {}; }
  Values values(const std::string& name, const std::vector<int>&) const override {
    return [tensor = file_.find(name)](std::span<float> out) { to_f32(tensor->dtype, tensor->data.data(), out); };
  }

 private:
  const Safetensors& file_;
};

struct GoldenCase {
  explicit GoldenCase(int number) : name("case" + std::to_string(100 + number).substr(1)) {
    x = file().find(name + ".x"), y = file().find(name + ".y");
    const StoredTensor& offset = *file().find(name + ".offset.weight");
    const int channels = side(*x, 1), scale = side(*y, 2) / side(*x, 2);
    const bool dyscope = file().find(name + ".scope.weight") != nullptr, pl = side(offset, 1) != channels;
    const int groups = side(offset, 0) / (pl ? 2 : 2 * scale * scale);

    graph.add_value(channels);
    graph.rows.push_back({"row", kNone});
    const GoldenWeights weights(file());
    const Scaling scaling;
    const Activations activations;
    LayerContext context{graph, weights, scaling, 1, 0, activations, 0, name, {0}, 1, {}};
    context.arguments = Arguments(
        {static_cast<double>(scale), std::string(pl ? "pl" : "lp"), static_cast<double>(groups), dyscope}, {});
    graph.rows[0].output = dysample_layer(context);
    // A separate output: that of the graph is always f32, but the module's result must have the type of the network.
    graph.output = graph.add_value(1);
    slice_concats(graph);
  }
  static int side(const StoredTensor& t, std::size_t axis) { return static_cast<int>(t.shape[axis]); }
  static const Safetensors& file() {
    static const Safetensors golden = Safetensors::read("tests/data/dysample.safetensors");
    return golden;
  }

  Program compiled(const PackedWeights& weights, Target target) const {
    return compile(graph, weights, side(*x, 0), {side(*x, 2), side(*x, 3)}, true, target);
  }
  std::vector<float> values(Type type) const {
    std::vector<float> rounded = x->to_f32();
    round_to(rounded, type);
    return rounded;
  }

  std::string name;
  const StoredTensor *x, *y;
  Graph graph;
};

/// The bytes of an arena. put() and get() convert between a tensor in it and values in the layout of PyTorch (N, C, H,
/// W).
class Bytes {
 public:
  explicit Bytes(std::size_t size) : bytes(size, 0xff) {}  // NaN
  void put(const Tensor& t, const std::vector<float>& values) {
    std::size_t i = 0;
    for_each(t, [&](unsigned char* at) {
      const float value = values[i++];
      const __half half = __float2half_rn(value);
      std::memcpy(at, t.type == Type::f32 ? static_cast<const void*>(&value) : &half, size_of(t.type));
    });
  }
  std::vector<float> get(const Tensor& t) {
    std::vector<float> values;
    for_each(t, [&](const unsigned char* at) {
      float value;
      __half half;
      std::memcpy(t.type == Type::f32 ? static_cast<void*>(&value) : &half, at, size_of(t.type));
      values.push_back(t.type == Type::f32 ? value : __half2float(half));
    });
    return values;
  }

  std::vector<unsigned char> bytes;

 private:
  template <class F>
  void for_each(const Tensor& t, F f) {
    for (int i = 0; i < t.n; ++i)
      for (int c = 0; c < t.c; ++c)
        for (int v = 0; v < t.h; ++v)
          for (int u = 0; u < t.w; ++u)
            f(bytes.data() + t.offset + (t.pixel(i, v, u) + static_cast<std::size_t>(c)) * size_of(t.type));
  }
};

std::vector<float> run(const Program& program, const PackedWeights& weights, const std::vector<float>& x) {
  Bytes arena(program.memory.bytes);
  arena.put(program.input, x);
  const DeviceArray<unsigned char> device_arena(arena.bytes);
  const auto* constants = reinterpret_cast<const unsigned char*>(weights.bytes.data());
  const DeviceArray<unsigned char> device_weights(
      std::vector<unsigned char>(constants, constants + weights.bytes.bytes()));
  const Memory memory{reinterpret_cast<std::byte*>(device_arena.data()),
                      reinterpret_cast<const std::byte*>(device_weights.data())};
  for (const Program::NamedStep& named : program.steps)
    launch_step(named.step, named.plan, named.name, memory, default_stream());
  check(cudaDeviceSynchronize(), "finish");
  arena.bytes = device_arena.values();
  return arena.get(program.rows[0]);
}

/// The result of the reference kernels for x and for convolution weights rounded to `type`.
std::vector<float> reference(GoldenCase golden, Type type) {
  Values& weight = golden.graph.parameters[0].values;
  weight = [plain = weight, type](std::span<float> out) {
    std::vector<float> values = read_values(plain, out.size());
    round_to(values, type);
    std::copy(values.begin(), values.end(), out.begin());
  };
  const PackedWeights weights = pack_for_reference(golden.graph);
  const Program program = golden.compiled(weights, {});
  Bytes arena(program.memory.bytes);
  arena.put(program.input, golden.values(type));
  run_reference(program, {reinterpret_cast<std::byte*>(arena.bytes.data()), weights.bytes.data()});
  return arena.get(program.rows[0]);
}

/// Expects all differences to be at most `tolerance` times the largest value.
void expect_near(const std::vector<float>& got, const std::vector<float>& want, double tolerance) {
  ASSERT_EQ(got.size(), want.size());
  double largest = 0, worst = 0;
  for (std::size_t i = 0; i < want.size(); ++i) {
    largest = std::max(largest, std::abs(static_cast<double>(want[i])));
    const double gap = std::abs(static_cast<double>(got[i]) - want[i]);
    if (!(gap <= worst)) worst = gap;  // keeps NaN, which fails
  }
  EXPECT_GT(largest, 0.1);
  EXPECT_TRUE(worst <= tolerance * largest) << worst / largest << " of the largest value";
}

class GoldenDySampleCuda : public testing::TestWithParam<int> {
 protected:
  // f16 rounds y to 2^-11. Its rounded weights also move the sampling points, by hundredths of a pixel where offsets
  // are several pixels.
  void expect(Type type) {
    const GoldenCase golden(GetParam());
    const PackedWeights weights = pack_for_cuda(golden.graph, type);
    const Target target{type, true, 1, default_stream().multiprocessors};
    Program program = golden.compiled(weights, target);
    const auto as_expected = [&] {
      const std::vector<float> got = run(program, weights, golden.values(type));
      expect_near(got, golden.y->to_f32(), type == Type::f32 ? 1e-5 : 0.02);
      expect_near(got, reference(golden, type), type == Type::f32 ? 1e-5 : 0x1p-11 + 1e-5);
    };
    as_expected();
    const auto* fused = std::get_if<ConvDySample>(&program.steps.at(0).step);
    if (fused == nullptr) {
      EXPECT_EQ(program.steps.size(), 2u);
      return;
    }
    EXPECT_EQ(program.steps.size(), 1u);
    SCOPED_TRACE("as two steps");
    const Step conv = fused->conv, sample = fused->sample;
    program.steps = {{conv, plan_step(conv, target), golden.name, 0}, {sample, {}, golden.name, 0}};
    as_expected();
  }
};

TEST_P(GoldenDySampleCuda, SinglePrecision) {
  expect(Type::f32);
}
TEST_P(GoldenDySampleCuda, HalfPrecision) {
  if (const std::string why = why_no_fp16(); !why.empty()) GTEST_SKIP() << why;
  expect(Type::f16);
}

INSTANTIATE_TEST_SUITE_P(PyTorch, GoldenDySampleCuda, testing::Range(0, 20));

TEST(GoldenDySample, FusesSomeCases) {
  for (const Type type : {Type::f32, Type::f16}) {
    int fused = 0;
    for (int i = 0; i < 20; ++i) {
      const GoldenCase golden(i);
      const PackedWeights weights = pack_for_cuda(golden.graph, type);
      fused += golden.compiled(weights, {type, true}).steps.size() == 1;
    }
    EXPECT_GE(fused, 8);
    EXPECT_LT(fused, 20);
  }
}

}  // namespace
}  // namespace cudet::test
