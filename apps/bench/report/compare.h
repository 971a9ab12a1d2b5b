// A result beside an earlier one: what got faster, what got slower.
#pragma once
#include <iosfwd>
#include <string>
#include <vector>

#include "apps/bench/report/report.h"

namespace cudet::bench {

enum class Verdict { faster, slower, no_difference };

struct Difference {
  std::string name, op, shape;  // as of a Measurement; "network" and "end to end" have their name alone
  double before_ms, now_ms;     // p50; of several results the median of theirs
  double ratio;                 // now / before
  Interval interval;            // of the ratio; of several results from the least to the greatest of all pairs
  Verdict verdict;              // a difference is seen where the interval lacks 1
};

/// A result, and what messages call it: its file's path.
struct Stored {
  std::string path;
  Report report;
};

struct Comparison {
  std::vector<Difference> network;  // network and end to end, each with its 95 % interval
  /// Steps, or kernels, that both have, as they run. Their intervals are wider, so that all of them together hold the
  /// true ratios in 95 % of comparisons: of 70 equal steps, some three would seem to differ otherwise.
  std::vector<Difference> steps;
  std::vector<std::string> added, gone;  // names of steps that `before` lacks, that `now` lacks
  std::string busy;  // why the verdicts mean little: what either machine's `busy` says; empty where they mean something
};

/// Each of `now` beside each of `before`; several are to be runs of one program: how these differ among each other is
/// then in the intervals, too. Throws Error where they are not all of one machine, model and setting, and says which
/// differs; where two runs of one program have not the same steps; and where there is nothing to compare. Models are
/// the same where their files' names are and their work is within 5 %.
Comparison compare(const std::vector<Stored>& now, const std::vector<Stored>& before);

/// What is seen to be slower, and by more than this ratio.
std::vector<Difference> slower_than(const Comparison& comparison, double ratio);

/// Network, end to end, the steps that differ (the largest difference first), and how many do not.
void print_comparison(const Comparison& comparison, std::ostream& out);

/// An interval of the logarithm of `ratio`, taken as normal, from 95 % to what makes `count` of them hold at once in
/// 95 % of cases (Bonferroni): 99.93 % each for 70.
Interval widen(double ratio, const Interval& interval, std::size_t count);

}  // namespace cudet::bench
