// Where in a plot labels go, so that one can read them.
#pragma once
#include <vector>

namespace cudet::bench {

struct Point {
  double x, y;
};

struct Box {
  double left, top, width, height;

  double right() const { return left + width; }
  double bottom() const { return top + height; }
};

struct Dot {
  Point centre;
  double radius;
};

/// A place of `width` x `height` for the label of a dot: within `plot`, as far from it as any of `taken` asks (none is
/// overlapped, as long as there is a place that does not), rather near than far, and rather beside than on other dots
/// and `lines`, which are dense points of them.
Box place_label(const Dot& dot, double width, double height, const Box& plot, const std::vector<Box>& taken,
                const std::vector<Dot>& dots, const std::vector<Point>& lines);

bool overlap(const Box& a, const Box& b);

}  // namespace cudet::bench
