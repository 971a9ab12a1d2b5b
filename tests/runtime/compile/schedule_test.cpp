#include "runtime/compile/schedule.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <set>

#include "runtime/compile/lowering.h"
#include "runtime/compile/passes.h"
#include "runtime/compile/tile_list.h"
#include "runtime/model/model.h"

namespace cudet::test {
namespace {

constexpr auto kArena = Region::Memory::arena;

/// The bytes of a region.
std::set<std::size_t> bytes_of(const Region& r) {
  std::set<std::size_t> bytes;
  for (std::size_t at = r.begin; at < r.end; at += r.pitch)
    for (std::size_t b = at; b < at + r.width && b < r.end; ++b) bytes.insert(b);
  return bytes;
}

bool share_a_byte(const Region& a, const Region& b) {
  const std::set<std::size_t> of_b = bytes_of(b);
  for (const std::size_t byte : bytes_of(a))
    if (of_b.count(byte) != 0) return true;
  return false;
}

TEST(Region, OverlapsIfAByteIsShared) {
  std::mt19937 random(1);
  int overlaps = 0;
  for (int round = 0; round < 3000; ++round) {
    const std::size_t pitch = 1 + random() % 12;
    const auto region = [&] {
      const std::size_t begin = random() % 40, pixels = 1 + random() % 5, width = 1 + random() % pitch;
      return Region{kArena, begin, begin + (pixels - 1) * pitch + width, pitch, width};
    };
    const Region a = region(), b = region();
    const bool shared = share_a_byte(a, b);
    // Slices of buffers that do not start at the same pixel may be reported although only their ranges overlap.
    EXPECT_TRUE(!shared || overlap(a, b));
    const bool same_start =
        a.begin / pitch == b.begin / pitch && a.begin % pitch + a.width <= pitch && b.begin % pitch + b.width <= pitch;
    EXPECT_TRUE(shared || !overlap(a, b) || !same_start)
        << a.begin << " " << b.begin << " " << pitch << " " << a.width << " " << b.width;
    overlaps += overlap(a, b);
  }
  EXPECT_GT(overlaps, 500);
  EXPECT_LT(overlaps, 2500);
}

TEST(Region, OtherMemoriesAndPitches) {
  const Region slice{kArena, 0, 100, 10, 4}, other{kArena, 4, 100, 10, 6}, wide{kArena, 4, 100, 20, 2};
  EXPECT_FALSE(overlap(slice, other));
  EXPECT_TRUE(overlap(slice, wide)) << "another pitch: only the ranges count";
  EXPECT_FALSE(overlap(slice, {Region::Memory::scratch, 0, 100, 10, 4}));
  EXPECT_FALSE(overlap(slice, {kArena, 100, 200, 10, 4}));
}

/// The steps that have ended when step i starts: its waits, and what they wait for.
std::set<int> ended_before(const std::vector<std::vector<int>>& waits, int i) {
  std::set<int> ended;
  for (const int w : waits[static_cast<std::size_t>(i)]) {
    EXPECT_LT(w, i);
    ended.insert(w);
    ended.merge(ended_before(waits, w));
  }
  return ended;
}

TEST(FindWaits, CoversEveryConflictAndNoMore) {
  std::mt19937 random(2);
  for (int round = 0; round < 200; ++round) {
    std::vector<Access> steps(12);
    for (Access& step : steps) {
      const auto region = [&] {
        const std::size_t begin = random() % 20;
        return Region{kArena, begin, begin + 1 + random() % 4, 100, 100};
      };
      step.writes = {region()};
      step.reads = {region(), region()};
    }
    const auto conflict = [&](int a, int b) {
      const Access &x = steps[static_cast<std::size_t>(a)], &y = steps[static_cast<std::size_t>(b)];
      const auto any = [](const std::vector<Region>& p, const std::vector<Region>& q) {
        for (const Region& r : p)
          for (const Region& s : q)
            if (share_a_byte(r, s)) return true;
        return false;
      };
      return any(x.writes, y.reads) || any(x.reads, y.writes) || any(x.writes, y.writes);
    };
    const std::vector<std::vector<int>> waits = find_waits(steps);
    for (int i = 0; i < 12; ++i) {
      const std::set<int> ended = ended_before(waits, i);
      for (int j = 0; j < i; ++j) EXPECT_TRUE(!conflict(j, i) || ended.count(j) == 1) << j << " before " << i;
      for (const int w : waits[static_cast<std::size_t>(i)]) {
        EXPECT_TRUE(conflict(w, i));
        for (const int other : waits[static_cast<std::size_t>(i)])
          EXPECT_EQ(ended_before(waits, other).count(w), 0u) << w << " is implied by " << other;
      }
    }
  }
}

TEST(SharesRing, StartsAgainAtItsEnd) {
  SharesRing ring(100);
  EXPECT_EQ(ring.take(60), 0u);
  EXPECT_EQ(ring.take(40), 60u);
  EXPECT_EQ(ring.take(30), 0u);
  EXPECT_EQ(ring.take(80), 0u);
}

// ---- Tile lists of whole networks

TEST(TileList, OrdersEveryNetwork) {
  for (const char* file : {"weights/yolov8.json", "weights/yolov8-dysample.json"})
    for (const char* scale : {"n", "x"})
      for (const Type type : {Type::f32, Type::f16}) {
        SCOPED_TRACE(std::string(file) + " " + scale);
        Graph graph = build_graph(read_description(file, scale), NoWeights());
        optimise(graph);
        const Program program = compile(graph, no_weights(graph), 2, {320, 640}, false,
                                        {.type = type, .cuda = true, .multiprocessors = 108, .inputs = 2});
        const CandidateLayout layout(program);
        std::vector<std::byte> candidates(layout.bytes);
        const TileTarget target{108, 160 << 10, candidates.data()};
        const TileList list = make_tile_list(program, 0, layout, target);
        ASSERT_EQ(list.steps.size(), program.steps.size() + 3);
        unsigned ticket = 0;
        for (std::size_t i = 0; i < list.steps.size(); ++i) {
          const TileStep& step = list.steps[i];
          EXPECT_EQ(step.first_ticket, ticket);
          EXPECT_GT(step.end_ticket, ticket);
          for (; ticket < step.end_ticket; ++ticket) EXPECT_EQ(list.step_of_ticket[ticket], i);
          for (int w = 0; w < step.waits; ++w) {
            const TileWait& wait = list.waits[static_cast<std::size_t>(step.first_wait + w)];
            ASSERT_LT(wait.step, static_cast<int>(i));
            const TileStep& before = list.steps[static_cast<std::size_t>(wait.step)];
            EXPECT_EQ(wait.tiles, before.end_ticket - before.first_ticket);
          }
          EXPECT_TRUE(i == 0 || i + 4 == list.steps.size() || step.waits > 0)
              << "only the input and clearing need none";
        }
        EXPECT_EQ(list.step_of_ticket.size(), ticket);
        EXPECT_LE(list.shared_bytes, std::size_t{64} << 10);
        // The second input changes the operands of the first step only.
        const TileList second = make_tile_list(program, 1, layout, target);
        EXPECT_EQ(program.second_input.size(), 1u);
        for (std::size_t i = 0; i < list.steps.size(); ++i) {
          EXPECT_EQ(list.steps[i].type, second.steps[i].type);
          if (list.steps[i].type % 256 != static_cast<int>(TileOp::conv2d)) continue;
          Conv2dOperands one, two;
          std::memcpy(&one, list.steps[i].operands, sizeof one);
          std::memcpy(&two, second.steps[i].operands, sizeof two);
          EXPECT_EQ(two.op.x.offset, one.op.x.offset + (i == 0 ? program.input_bytes : 0));
          EXPECT_EQ(two.op.y.offset, one.op.y.offset);
        }
      }
}

TEST(TileList, RefusesNoTileList) {
  Graph graph = build_graph(read_description("weights/yolov8.json", "n"), NoWeights());
  optimise(graph);
  const Program program = compile(graph, no_weights(graph), 64, {1280, 1280}, false,
                                  {.type = Type::f16, .cuda = true, .multiprocessors = 4});
  const CandidateLayout layout(program);
  std::vector<std::byte> candidates(layout.bytes);
  EXPECT_THROW(make_tile_list(program, 0, layout, {4, 160 << 10, candidates.data()}), NoTileList);
}

}  // namespace
}  // namespace cudet::test
