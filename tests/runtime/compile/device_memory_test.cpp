// Memory that a network needs on a CUDA device, computed without a device.
#include "runtime/compile/device_memory.h"

#include <gtest/gtest.h>

#include "runtime/compile/lowering.h"
#include "runtime/compile/passes.h"
#include "runtime/model/model.h"

namespace cudet::test {
namespace {

TEST(CudaMemory, CountsPackedWeights) {
  for (const char* name : {"plain", "dysample", "dysample_pl", "folded", "odd", "stride12", "three_levels"}) {
    const Model model = Model::load(std::string("tests/data/tiny/") + name + ".json");
    const Graph& graph = model.impl().graph;
    for (const Type type : {Type::f32, Type::f16}) {
      const PackedWeights packed = pack_for_cuda(graph, type);
      const Extent size{2 * graph.stride, graph.stride};
      const CudaMemory one = cuda_memory(compile(graph, packed, 1, size, false, {type, true, 1, 16}));
      const CudaMemory three = cuda_memory(compile(graph, packed, 3, size, false, {type, true, 1, 16}));
      EXPECT_EQ(one.weights, packed.bytes.bytes()) << name;
      EXPECT_EQ(three.weights, one.weights) << name;
      EXPECT_GE(three.arena, one.arena) << name;
    }
  }
}

// The target for small devices is 20 MB in total; a second batch in flight takes 3.3 MB more.
TEST(CudaMemory, Yolov8nInHalfPrecisionFitsIn20Mb) {
  for (const char* name : {"yolov8", "yolov8-dysample"}) {
    Graph graph = build_graph(read_description(std::string("weights/") + name + ".json", "n"), NoWeights());
    optimise(graph);
    for (const int multiprocessors : {1, 8, 16, 132}) {
      const CudaMemory memory =
          cuda_memory(compile(graph, no_weights(graph), 1, {640, 640}, false, {Type::f16, true, 1, multiprocessors}));
      const std::size_t most = multiprocessors <= 16 ? 20'000'000 : 22'000'000;  // more blocks share sums
      EXPECT_LE(memory.total(), most) << name << " " << multiprocessors;
      EXPECT_GT(memory.weights, std::size_t{6'000'000}) << name;
    }
  }
}

TEST(CandidateLayout, PartsDoNotOverlapAndParametersComeFirst) {
  const Model model = Model::load("tests/data/tiny/plain.json");
  const Program program =
      compile(model.impl().graph, *model.impl().cpu_weights(), 3, {64, 96}, false, {Type::f32, true});
  const CandidateLayout at(program);
  const std::size_t images = 3, anchors = static_cast<std::size_t>(at.anchors);
  EXPECT_EQ(at.classes, 3);
  EXPECT_EQ(at.parameters, 0u);
  EXPECT_GE(at.wanted, sizeof(NmsParameters));
  EXPECT_GE(at.found, at.wanted + 3);
  EXPECT_GE(at.kept_count, at.found + 2 * images * sizeof(int));
  EXPECT_GE(at.candidates, at.kept_count + images * sizeof(int));
  EXPECT_GE(at.sorted, at.candidates + images * anchors * sizeof(Candidate));
  EXPECT_GE(at.kept, at.sorted + images * anchors * sizeof(Candidate));
  EXPECT_GE(at.bytes, at.kept + images * anchors * sizeof(Candidate));
}

}  // namespace
}  // namespace cudet::test
