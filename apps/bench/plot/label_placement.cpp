#include "apps/bench/plot/label_placement.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

namespace cudet::bench {
namespace {

/// The area of a dot, approximated by its bounding square, that a box covers, in pixels².
double covered_area(const Dot& dot, const Box& box) {
  const double width = std::min(box.right(), dot.centre.x + dot.radius) - std::max(box.left, dot.centre.x - dot.radius);
  const double height =
      std::min(box.bottom(), dot.centre.y + dot.radius) - std::max(box.top, dot.centre.y - dot.radius);
  return std::max(width, 0.0) * std::max(height, 0.0);
}

bool contains(const Box& box, const Point& point) {
  return point.x >= box.left && point.x <= box.right() && point.y >= box.top && point.y <= box.bottom();
}

}  // namespace

bool overlap(const Box& a, const Box& b) {
  return a.left < b.right() && b.left < a.right() && a.top < b.bottom() && b.top < a.bottom();
}

Box place_label(const Dot& dot, double width, double height, const Box& plot, const std::vector<Box>& taken,
                const std::vector<Dot>& dots, const std::vector<Point>& lines) {
  // Candidates lie on rings around the dot. The costs only rank them: overlapping another label costs more than any
  // distance.
  constexpr int kAngles = 24, kRings = 24;
  constexpr double kGap = 4, kRingStep = 10, kOnLabel = 1e6, kOnLine = 20, kOnDot = 1, kAway = 1.5;
  Box best{};
  double lowest = std::numeric_limits<double>::infinity();
  for (int ring = 0; ring < kRings; ++ring) {
    for (int i = 0; i < kAngles; ++i) {
      const double angle = 2 * std::numbers::pi * i / kAngles, distance = dot.radius + kGap + ring * kRingStep;
      const double dx = std::cos(angle), dy = std::sin(angle);
      // The box touches the ring with the point of its border that faces the dot.
      Box box{dot.centre.x + dx * distance + (dx - 1) / 2 * width, dot.centre.y + dy * distance + (dy - 1) / 2 * height,
              width, height};
      if (box.left < plot.left || box.right() > plot.right() || box.top < plot.top || box.bottom() > plot.bottom())
        continue;
      double cost = kAway * ring * kRingStep;
      for (const Box& other : taken) cost += overlap(box, other) ? kOnLabel : 0;
      for (const Dot& other : dots) cost += kOnDot * covered_area(other, box);
      for (const Point& point : lines) cost += contains(box, point) ? kOnLine : 0;
      if (cost < lowest) {
        lowest = cost;
        best = box;
      }
    }
  }
  return best;
}

}  // namespace cudet::bench
