// Compares results: what got faster, what got slower.
#pragma once
#include <iosfwd>
#include <string>
#include <vector>

#include "apps/bench/report/report.h"

namespace cudet::bench {

enum class Verdict { faster, slower, no_difference };

struct Difference {
  std::string name, op, shape;  // as in Measurement; "network" and "end to end" have only a name
  double before_ms, now_ms;     // p50; for several results the median of their p50
  double ratio;                 // now / before
  Interval interval;            // of the ratio; for several results from the lowest to the highest end over all pairs
  Verdict verdict;              // no_difference if the interval contains 1
};

/// A result and its name in messages: the path of its file.
struct Stored {
  std::string path;
  Report report;
};

struct Comparison {
  std::vector<Difference> network;  // network and end to end, each with its 95 % interval
  /// Steps, or kernels, that both results have, in the order in which they run. Their intervals are widened such that
  /// all of them together contain the true ratios in 95 % of comparisons. Otherwise about three of 70 equal steps would
  /// seem to differ.
  std::vector<Difference> steps;
  std::vector<std::string> added, gone;  // names of steps that only `now` has, that only `before` has
  std::string busy;  // why the verdicts are unreliable: the `busy` of one of the machines; empty if they are reliable
};

/// Compares each result in `now` with each in `before`. Several results must be runs of one program; the intervals then
/// include the differences between these runs. Throws Error if the machines, models or settings differ, and names what
/// differs; if two runs of one program have different steps; and if there is nothing to compare. Models are considered
/// the same if their file names are equal and their GFLOP differ by at most 5 %.
Comparison compare(const std::vector<Stored>& now, const std::vector<Stored>& before);

/// Returns what has the verdict `slower` and a ratio above `ratio`.
std::vector<Difference> slower_than(const Comparison& comparison, double ratio);

/// Prints the network, end to end, the steps that differ (the largest difference first), and the number of other steps.
void print_comparison(const Comparison& comparison, std::ostream& out);

/// Widens a 95 % interval of `ratio` such that `count` intervals contain their true values at once in 95 % of cases
/// (Bonferroni): 99.93 % each for 70. Assumes that the logarithm of the ratio has a normal distribution.
Interval widen(double ratio, const Interval& interval, std::size_t count);

}  // namespace cudet::bench
