#include "apps/bench/plot/label_placement.h"

#include <gtest/gtest.h>

namespace cudet::bench::test {
namespace {

constexpr Box kPlot{0, 0, 400, 300};

TEST(PlaceLabel, IsBesideItsDot) {
  const Dot dot{{200, 150}, 10};
  const Box box = place_label(dot, 60, 15, kPlot, {}, {dot}, {});
  EXPECT_FALSE(overlap(box, {190, 140, 20, 20}));
  EXPECT_TRUE(overlap(box, {170, 130, 60, 40}));  // but near it
}

TEST(PlaceLabel, IsInsideThePlot) {
  for (const Point corner : {Point{0, 0}, Point{400, 0}, Point{0, 300}, Point{400, 300}}) {
    const Box box = place_label({corner, 10}, 60, 15, kPlot, {}, {}, {});
    EXPECT_GE(box.left, 0);
    EXPECT_GE(box.top, 0);
    EXPECT_LE(box.right(), 400);
    EXPECT_LE(box.bottom(), 300);
    EXPECT_GT(box.width, 0);
  }
}

TEST(PlaceLabel, OverlapsNoLabel) {
  std::vector<Box> taken;
  const Dot dot{{200, 150}, 5};
  for (int i = 0; i < 20; ++i) {
    const Box box = place_label(dot, 60, 15, kPlot, taken, {dot}, {});
    for (const Box& other : taken) EXPECT_FALSE(overlap(box, other)) << i;
    taken.push_back(box);
  }
}

TEST(PlaceLabel, AvoidsDotsAndLines) {
  const Dot dot{{200, 150}, 5}, neighbour{{235, 150}, 25};
  std::vector<Point> line;
  for (int x = 0; x < 400; x += 5) line.push_back({static_cast<double>(x), 135});
  const Box box = place_label(dot, 60, 15, kPlot, {}, {dot, neighbour}, line);
  EXPECT_FALSE(overlap(box, {210, 125, 50, 50}));
  EXPECT_TRUE(box.bottom() < 135 || box.top > 135);
}

}  // namespace
}  // namespace cudet::bench::test
