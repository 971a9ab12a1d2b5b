#include "apps/bench/report/compare.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <numbers>
#include <ostream>
#include <tuple>

#include "apps/bench/report/columns.h"
#include "apps/bench/report/sample_statistics.h"
#include "kernels/error.h"

namespace cudet::bench {
namespace {

constexpr double kMissRate = 0.05;  // probability that an interval does not contain the true value
constexpr double kSameWork = 0.05;  // relative difference of GFLOP; compiler passes may save as much in the same model

/// The number of standard deviations that a normal variable exceeds, on either side, with probability `outside`.
double normal_width(double outside) {
  double low = 0, high = 40;
  for (int i = 0; i < 100; ++i) {
    const double middle = (low + high) / 2;
    (std::erfc(middle / std::numbers::sqrt2) > outside ? low : high) = middle;
  }
  return low;
}

/// The names and values of everything that must be equal in comparable results.
std::vector<std::pair<std::string, std::string>> list_conditions(const Report& report) {
  const Machine& machine = report.machine;
  const Setting& setting = report.setting;
  return {{"processor", machine.processor},
          {"cores", std::to_string(machine.cores)},
          {"instructions", machine.instructions},
          {"gpu", machine.gpu},
          {"model", std::filesystem::path(setting.model).filename().string()},
          {"device", setting.device},
          {"precision", setting.precision},
          {"input", std::to_string(setting.height) + "x" + std::to_string(setting.width)},
          {"batch", std::to_string(setting.batch)},
          {"threads", std::to_string(setting.threads)}};
}

void check_comparable(const Stored& result, const Stored& with) {
  std::string differences;
  const auto check = [&](const std::string& name, const std::string& value, const std::string& other) {
    const auto shown = [](const std::string& text) { return text.empty() ? "none" : text; };
    if (value != other)
      differences += (differences.empty() ? "" : "; ") + name + " " + shown(value) + ", not " + shown(other);
  };
  const auto conditions = list_conditions(result.report), others = list_conditions(with.report);
  for (std::size_t i = 0; i < conditions.size(); ++i)
    check(conditions[i].first, conditions[i].second, others[i].second);
  if (result.report.network && with.report.network) {
    const double work = result.report.network->gflop, other = with.report.network->gflop;
    if (!(std::abs(work - other) <= kSameWork * std::max(work, other)))
      check("network GFLOP", fixed(work, 2), fixed(other, 2));
  }
  if (!differences.empty()) throw Error(result.path + ": not comparable with " + with.path + ": " + differences);
}

/// Identifies what was timed: name, operator, shape, and a count of earlier items with the same name, operator and
/// shape.
using Key = std::tuple<std::string, std::string, std::string, int>;

/// The times of one step (or of the network) in several runs of a program.
struct Item {
  Key key;
  std::vector<const Times*> runs;
};

std::vector<Item> network_items(const Report& report) {
  if (!report.network) return {};
  return {{{"network", "", "", 0}, {&report.network->network}},
          {{"end to end", "", "", 0}, {&report.network->end_to_end}}};
}

std::vector<Item> step_items(const Report& report) {
  std::map<Key, int> seen;
  std::vector<Item> items;
  for (const Measurement& layer : report.layers) {
    const int earlier = seen[{layer.name, layer.op, layer.shape, 0}]++;
    items.push_back({{layer.name, layer.op, layer.shape, earlier}, {&layer.time}});
  }
  return items;
}

/// Merges the items of several runs of a program. `list_items` returns those of one run.
std::vector<Item> merge_runs(const std::vector<Stored>& results, std::vector<Item> (*list_items)(const Report&)) {
  std::vector<Item> items = list_items(results.front().report);
  for (std::size_t i = 1; i < results.size(); ++i) {
    const std::vector<Item> more = list_items(results[i].report);
    const auto same = [](const Item& a, const Item& b) { return a.key == b.key; };
    if (!std::equal(items.begin(), items.end(), more.begin(), more.end(), same))
      throw Error(results[i].path + ": not from the same program as " + results.front().path + ": the steps differ");
    for (std::size_t item = 0; item < items.size(); ++item) items[item].runs.push_back(more[item].runs.front());
  }
  return items;
}

double median_p50(const Item& item) {
  std::vector<double> p50;
  for (const Times* times : item.runs) p50.push_back(times->p50_ms);
  return quantile(p50, 0.5);
}

/// `count`: the number of intervals that must contain their true values at once.
Difference compare_items(const Item& now, const Item& before, std::size_t count) {
  const auto& [name, op, shape, earlier] = now.key;
  Difference d{name, op, shape, median_p50(before), median_p50(now), 0, {}, Verdict::no_difference};
  d.ratio = d.now_ms / d.before_ms;
  d.interval = {d.ratio, d.ratio};
  for (const Times* ours : now.runs)
    for (const Times* theirs : before.runs) {
      const Interval pair =
          widen(ours->p50_ms / theirs->p50_ms, ratio_interval(ours->samples_ms, theirs->samples_ms), count);
      d.interval = {std::min(d.interval.low, pair.low), std::max(d.interval.high, pair.high)};
    }
  if (d.interval.high < 1) d.verdict = Verdict::faster;
  if (d.interval.low > 1) d.verdict = Verdict::slower;
  return d;
}

/// Compares the items that both sides have, and appends the names of all others to `added` and `gone`. `at_once`: widen
/// the intervals such that all of them contain their true values at once.
std::vector<Difference> compare_common(const std::vector<Item>& now, const std::vector<Item>& before, bool at_once,
                                       Comparison& comparison) {
  std::map<Key, const Item*> earlier;
  for (const Item& item : before) earlier[item.key] = &item;
  std::vector<std::pair<const Item*, const Item*>> both;
  for (const Item& item : now) {
    const auto found = earlier.find(item.key);
    if (found == earlier.end()) {
      comparison.added.push_back(std::get<0>(item.key));
      continue;
    }
    both.emplace_back(&item, found->second);
    earlier.erase(found);
  }
  for (const auto& [key, item] : earlier) comparison.gone.push_back(std::get<0>(key));
  std::vector<Difference> differences;
  differences.reserve(both.size());
  for (const auto& [ours, theirs] : both)
    differences.push_back(compare_items(*ours, *theirs, at_once ? both.size() : 1));
  return differences;
}

/// Returns why the times of these results are unreliable, or an empty string if they are reliable.
std::string why_busy(const std::vector<Stored>& results) {
  for (const Stored& result : results)
    if (!result.report.machine.busy.empty()) return result.path + ": " + result.report.machine.busy;
  return {};
}

std::vector<std::string> format_row(const Difference& d, bool busy) {
  constexpr const char* kVerdicts[] = {"faster", "slower", "no difference seen"};
  return {d.name,
          fixed(d.before_ms, 3),
          fixed(d.now_ms, 3),
          fixed(d.ratio, 3),
          fixed(d.interval.low, 3) + " .. " + fixed(d.interval.high, 3),
          kVerdicts[static_cast<int>(d.verdict)] + std::string(busy ? "?" : ""),
          d.op + " " + d.shape};
}

void print_names(const char* title, const std::vector<std::string>& names, std::ostream& out) {
  if (names.empty()) return;
  out << title << names.size() << ":";
  for (const std::string& name : names) out << " " << name;
  out << "\n";
}

}  // namespace

Interval widen(double ratio, const Interval& interval, std::size_t count) {
  const double factor =
      normal_width(kMissRate / static_cast<double>(std::max<std::size_t>(count, 1))) / normal_width(kMissRate);
  return {ratio * std::pow(std::min(1.0, interval.low / ratio), factor),
          ratio * std::pow(std::max(1.0, interval.high / ratio), factor)};
}

Comparison compare(const std::vector<Stored>& now, const std::vector<Stored>& before) {
  for (const std::vector<Stored>* results : {&now, &before})
    for (const Stored& result : *results) check_comparable(result, now.front());
  Comparison comparison;
  comparison.busy = why_busy(now);
  if (comparison.busy.empty()) comparison.busy = why_busy(before);
  comparison.network =
      compare_common(merge_runs(now, network_items), merge_runs(before, network_items), false, comparison);
  comparison.steps = compare_common(merge_runs(now, step_items), merge_runs(before, step_items), true, comparison);
  if (comparison.network.empty() && comparison.steps.empty())
    throw Error(before.front().path + ": has nothing in common with " + now.front().path);
  return comparison;
}

std::vector<Difference> slower_than(const Comparison& comparison, double ratio) {
  std::vector<Difference> slower;
  for (const std::vector<Difference>* differences : {&comparison.network, &comparison.steps})
    for (const Difference& d : *differences)
      if (d.verdict == Verdict::slower && d.ratio > ratio) slower.push_back(d);
  return slower;
}

void print_comparison(const Comparison& comparison, std::ostream& out) {
  std::vector<Difference> different;
  for (const Difference& d : comparison.steps)
    if (d.verdict != Verdict::no_difference) different.push_back(d);
  std::stable_sort(different.begin(), different.end(), [](const Difference& a, const Difference& b) {
    return std::abs(a.now_ms - a.before_ms) > std::abs(b.now_ms - b.before_ms);
  });
  const bool busy = !comparison.busy.empty();
  if (busy) out << "BUSY: the differences are unreliable: " << comparison.busy << "\n";
  Columns columns({"<", "before ms", "now ms", "ratio", "95 % interval", "<", "<"});
  for (const Difference& d : comparison.network) columns.add(format_row(d, busy));
  for (const Difference& d : different) columns.add(format_row(d, busy));
  columns.print(out);
  const std::size_t steps = comparison.steps.size();
  if (steps > 0)
    out << steps - different.size() << " of " << steps << " steps: no difference seen. Each step has a "
        << percent(1 - kMissRate / static_cast<double>(steps), 2) << " interval, so that all hold together at 95 %.\n";
  print_names("only now, ", comparison.added, out);
  print_names("only before, ", comparison.gone, out);
}

}  // namespace cudet::bench
