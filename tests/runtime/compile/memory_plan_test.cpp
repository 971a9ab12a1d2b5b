#include "runtime/compile/memory_plan.h"

#include <gtest/gtest.h>

#include <random>

#include "runtime/compile/lowering.h"
#include "runtime/compile/passes.h"
#include "runtime/model/model.h"

namespace cudet::test {
namespace {

void expect_sound(const std::vector<Lifetime>& buffers, const MemoryPlan& plan) {
  ASSERT_EQ(plan.offsets.size(), buffers.size());
  for (std::size_t a = 0; a < buffers.size(); ++a) {
    EXPECT_EQ(plan.offsets[a] % kBufferAlignment, 0u);
    EXPECT_LE(plan.offsets[a] + buffers[a].bytes, plan.bytes);
    for (std::size_t b = 0; b < a; ++b) {
      const bool in_time = buffers[a].first <= buffers[b].last && buffers[b].first <= buffers[a].last;
      const bool in_space =
          plan.offsets[a] < plan.offsets[b] + buffers[b].bytes && plan.offsets[b] < plan.offsets[a] + buffers[a].bytes;
      EXPECT_FALSE(in_time && in_space) << "buffers " << a << " and " << b;
    }
  }
}

TEST(MemoryPlan, LiveBuffersNeverOverlap) {
  std::mt19937 random(7);
  for (int round = 0; round < 30; ++round) {
    std::vector<Lifetime> buffers(random() % 60);
    for (Lifetime& b : buffers) {
      const int first = static_cast<int>(random() % 40);
      b = {random() % 100000, first, first + static_cast<int>(random() % 8)};
    }
    const MemoryPlan plan = plan_memory(buffers);
    expect_sound(buffers, plan);
    EXPECT_GE(plan.bytes, plan.live_peak);
  }
}

TEST(MemoryPlan, ReusesMemoryOfDeadBuffers) {
  const MemoryPlan plan = plan_memory({{1024, 0, 1}, {512, 1, 2}, {1024, 2, 3}});
  EXPECT_EQ(plan.live_peak, 1536u);
  EXPECT_EQ(plan.bytes, 1536u);
}

TEST(MemoryPlan, NetworksNeedAtMost5PercentMoreThanTheirPeak) {
  for (const char* file : {"weights/yolov8.json", "weights/yolov8-dysample.json"})
    for (const char* scale : {"n", "s", "m", "l", "x"}) {
      Graph graph = build_graph(read_description(file, scale), NoWeights());
      optimise(graph);
      for (const Extent size : {Extent{640, 640}, Extent{384, 640}, Extent{96, 160}, Extent{1280, 1280}})
        for (const int batch : {1, 3}) {
          const MemoryPlan plan = compile(graph, no_weights(graph), batch, size).memory;
          EXPECT_LE(static_cast<double>(plan.bytes), 1.05 * static_cast<double>(plan.live_peak))
              << file << " " << scale << " " << size.h << "x" << size.w << " batch " << batch;
        }
    }
}

}  // namespace
}  // namespace cudet::test
