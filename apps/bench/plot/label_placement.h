// Places labels in a plot such that they are readable.
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

/// Returns a box of `width` x `height` for the label of `dot`. It lies inside `plot` and overlaps none of the boxes in
/// `taken` if that is possible. It is preferably near the dot, and preferably not on other dots and not on lines, which
/// `lines` holds as densely spaced points.
Box place_label(const Dot& dot, double width, double height, const Box& plot, const std::vector<Box>& taken,
                const std::vector<Dot>& dots, const std::vector<Point>& lines);

bool overlap(const Box& a, const Box& b);

}  // namespace cudet::bench
