// Launches one convolution of a network in f16, on zeros, for devices that count instructions. The instructions of a
// kernel do not depend on the values.
//
//   convolutions MODEL.json          lists the distinct ones: index, number of them, output rows x columns, channels, …
//   convolutions MODEL.json INDEX    runs one; prints its plan
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <vector>

#include "kernels/conv2d/cuda/plan.h"
#include "runtime/compile/lowering.h"
#include "runtime/compile/packing.h"
#include "runtime/compile/passes.h"
#include "runtime/model/model.h"
#include "tests/kernels/device.h"

namespace cudet::test {
namespace {

struct Counted {
  Conv2d op;
  int times;
};

std::vector<Counted> convolutions(const std::string& model) {
  const Description description = read_description(model);
  Graph graph = build_graph(description, NoWeights());
  optimise(graph);
  const Extent size{description.input.height, description.input.width};
  const Program program = compile(graph, no_weights(graph), 1, size, false, {Type::f16, true});
  std::vector<Counted> distinct;
  std::map<std::vector<int>, std::size_t> known;
  for (const Program::NamedStep& named : program.steps) {
    const auto* op = std::get_if<Conv2d>(&named.step);
    if (!op) continue;
    const std::vector<int> key = {
        op->y.h, op->y.w, op->x.c, op->y.c, op->kernel.h, op->stride.h, static_cast<int>(op->activation), op->add};
    const auto [at, fresh] = known.emplace(key, distinct.size());
    if (fresh) distinct.push_back({*op, 0});
    ++distinct[at->second].times;
  }
  return distinct;
}

void list(const std::vector<Counted>& all) {
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Conv2d& op = all[i].op;
    std::printf("%zu %d %dx%d C%d-%d %dx%d/%d%s%s\n", i, all[i].times, op.y.h, op.y.w, op.x.c, op.y.c, op.kernel.h,
                op.kernel.w, op.stride.h, op.activation == Activation::silu ? " SiLU" : "", op.add ? " residual" : "");
  }
}

std::size_t end_of(const Tensor& t) {
  return t.offset + static_cast<std::size_t>(t.n) * t.h * t.w * t.pitch * size_of(t.type);
}

void run(Conv2d op) {
  op.weight.offset = 0;
  op.bias.offset = (conv2d_cuda_packed_bytes(op) + 255) / 256 * 256;
  CudaStream on = default_stream();
  const Conv2dCudaPlan plan = conv2d_cuda_plan(op, on.multiprocessors);
  const std::size_t scratch_bytes = std::max(kScratchCounters, plan.scratch_bytes());
  const std::size_t arena_bytes = std::max({end_of(op.x), end_of(op.y), op.add ? end_of(op.residual) : std::size_t{0}});
  const DeviceArray<unsigned char> arena(std::vector<unsigned char>(arena_bytes, 0));
  const DeviceArray<unsigned char> weights(
      std::vector<unsigned char>(op.bias.offset + conv2d_cuda_bias_floats(op) * sizeof(float), 0));
  const DeviceArray<unsigned char> scratch(std::vector<unsigned char>(scratch_bytes, 0));
  on.scratch = reinterpret_cast<std::byte*>(scratch.data());
  on.scratch_bytes = scratch_bytes;
  conv2d_cuda(op, plan,
              {reinterpret_cast<std::byte*>(arena.data()), reinterpret_cast<const std::byte*>(weights.data())}, on);
  check(cudaDeviceSynchronize(), "finish");
  // Minimum: each operand and output once.
  const double pixels = static_cast<double>(op.x.n) * op.x.h * op.x.w;
  const double min_bytes = 2 * (pixels * op.x.c + static_cast<double>(op.y.c) * op.kernel.h * op.kernel.w * op.x.c +
                                static_cast<double>(op.y.n) * op.y.h * op.y.w * op.y.c * (op.add ? 2 : 1));
  std::printf("%dx%dx%d /%d %zu %.0f\n", plan.tile_h, plan.tile_w, plan.packing.channels_per_block, plan.splits,
              plan.pixel_blocks == 0 ? 0 : conv2d_cuda_shared_bytes(plan), min_bytes);
}

}  // namespace
}  // namespace cudet::test

int main(int argc, char** argv) {
  try {
    if (argc < 2 || argc > 3) throw cudet::Error("usage: convolutions MODEL.json [INDEX]");
    const std::vector<cudet::test::Counted> all = cudet::test::convolutions(argv[1]);
    if (argc == 2)
      cudet::test::list(all);
    else
      cudet::test::run(all.at(static_cast<std::size_t>(std::atoi(argv[2]))).op);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "convolutions: %s\n", error.what());
    return 2;
  }
}
