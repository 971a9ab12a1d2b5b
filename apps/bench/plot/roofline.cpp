#include "apps/bench/plot/roofline.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <map>
#include <numbers>

#include "apps/bench/plot/svg.h"
#include "apps/bench/report/columns.h"
#include "kernels/error.h"

namespace cudet::bench {
namespace {

constexpr double kWidth = 900, kHeight = 640;
constexpr Box kPlot{72, 96, 808, 464};
constexpr double kMaxRadius = 18, kMinRadius = 2.5;
constexpr double kLabelSize = 12;      // font size in pixels
constexpr std::size_t kMaxLabels = 5;  // only the most expensive steps are labelled
constexpr std::array<const char*, 8> kColours = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                                 "#e69f00", "#56b4e9", "#7f7f7f", "#000000"};

/// A logarithmic axis from pixel `from` to pixel `to`. Its range is from a round number below all `values` to one above
/// them.
class Axis {
 public:
  Axis(const std::vector<double>& values, double from, double to) : from_(from), to_(to) {
    const auto [min, max] = std::minmax_element(values.begin(), values.end());
    constexpr double kMargin = 1.4;
    low_ = round(*min / kMargin, false);
    high_ = round(*max * kMargin, true);
  }

  double low() const { return low_; }
  double high() const { return high_; }
  /// The pixel of a value.
  double at(double value) const { return from_ + (to_ - from_) * std::log(value / low_) / std::log(high_ / low_); }
  /// The values of the grid lines: 1, 2 and 5 times each power of ten.
  std::vector<double> ticks() const {
    std::vector<double> ticks;
    for (double power = std::pow(10, std::floor(std::log10(low_))); power <= high_; power *= 10)
      for (const double digit : {1, 2, 5})
        if (power * digit >= low_ * 0.999 && power * digit <= high_ * 1.001) ticks.push_back(power * digit);
    return ticks;
  }
  /// Whether a tick has a number: every tick if there are few decades, otherwise only powers of ten.
  bool is_labelled(double tick) const {
    return high_ / low_ < 2e4 || std::abs(std::log10(tick) - std::round(std::log10(tick))) < 1e-6;
  }

 private:
  static double round(double value, bool up) {
    const double power = std::pow(10, std::floor(std::log10(value))), digit = value / power;
    if (up) return power * (digit <= 1 ? 1 : digit <= 2 ? 2 : digit <= 5 ? 5 : 10);
    return power * (digit >= 5 ? 5 : digit >= 2 ? 2 : 1);
  }

  double from_, to_, low_ = 1, high_ = 10;
};

/// A step in the plot.
struct Mark {
  const Measurement* step;
  double intensity;  // operations per byte
  double share;      // of the total time
  std::string kind;  // operator or kernel, shown by the colour
};

/// Whether the value can be shown on a readable logarithmic axis.
bool is_plottable(double value) {
  return value > 1e-9 && value < 1e12;
}

/// Returns the marks, the most expensive first. Excludes steps without operations, which have no position on a
/// logarithmic axis, and the reference of an operator, which would make all other dots tiny.
std::vector<Mark> make_marks(const Report& report) {
  const bool operators = report.setting.model.empty();
  const auto counts = [&](const Measurement& step) { return !operators || step.name != "reference"; };
  double all_ms = 0;
  for (const Measurement& step : report.layers) all_ms += counts(step) ? step.time.p50_ms : 0;
  std::vector<Mark> marks;
  for (const Measurement& step : report.layers) {
    const double intensity = step.gflop * 1e3 / step.mbytes;
    if (counts(step) && is_plottable(intensity) && is_plottable(step.gflops))
      marks.push_back({&step, intensity, step.time.p50_ms / all_ms, operators ? step.name : step.op});
  }
  std::stable_sort(marks.begin(), marks.end(), [](const Mark& a, const Mark& b) { return a.share > b.share; });
  return marks;
}

/// Returns each kind and its share of the total time, the most expensive first. The index of a kind selects its colour.
std::vector<std::pair<std::string, double>> sum_by_kind(const std::vector<Mark>& marks) {
  std::map<std::string, double> shares;
  for (const Mark& mark : marks) shares[mark.kind] += mark.share;
  std::vector<std::pair<std::string, double>> kinds(shares.begin(), shares.end());
  std::stable_sort(kinds.begin(), kinds.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  return kinds;
}

class Plot {
 public:
  explicit Plot(const Report& report)
      : report_(report),
        marks_(make_marks(report)),
        kinds_(sum_by_kind(marks_)),
        peak_(report.machine.peak_gflops),
        bandwidth_(report.machine.bandwidth_gbs),
        x_(values(true), kPlot.left, kPlot.right()),
        y_(values(false), kPlot.bottom(), kPlot.top) {}

  std::string draw() {
    return "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" + digits(kWidth) + "\" height=\"" + digits(kHeight) +
           "\" viewBox=\"0 0 " + digits(kWidth) + " " + digits(kHeight) +
           "\" font-family=\"system-ui, 'Segoe UI', 'DejaVu Sans', Arial, sans-serif\" fill=\"#222\">\n"
           "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n" +
           head() + grid() + dots() + roofs() + labels() + foot() + "</svg>\n";
  }

 private:
  /// The values that an axis must include.
  std::vector<double> values(bool horizontal) const {
    constexpr double kSlope = 8;  // the slanted roof is visible over at least this factor
    std::vector<double> values = {horizontal ? peak_ / bandwidth_ : peak_};
    values.push_back(values[0] / kSlope);
    for (const Mark& mark : marks_) values.push_back(horizontal ? mark.intensity : mark.step->gflops);
    return values;
  }

  Dot dot(const Mark& mark) const {
    const double radius = kMaxRadius * std::sqrt(mark.share / marks_.front().share);
    return {{x_.at(mark.intensity), y_.at(mark.step->gflops)}, std::max(radius, kMinRadius)};
  }

  std::string colour(const std::string& kind) const {
    const auto found = std::find_if(kinds_.begin(), kinds_.end(), [&](const auto& k) { return k.first == kind; });
    return kColours[static_cast<std::size_t>(found - kinds_.begin()) % kColours.size()];
  }

  std::string head() const {
    const Machine& machine = report_.machine;
    const Setting& setting = report_.setting;
    std::string title = setting.model.empty() ? "Operators" : std::filesystem::path(setting.model).filename().string();
    title += ", " + setting.precision;
    if (!setting.model.empty())
      title += ", " + std::to_string(setting.height) + "x" + std::to_string(setting.width) + ", batch " +
               std::to_string(setting.batch);
    std::string machine_line = machine.gpu.empty() ? machine.processor + ", " + machine.instructions + ", " +
                                                         std::to_string(setting.threads) + " of " +
                                                         std::to_string(machine.cores) + " cores"
                                                   : machine.gpu;
    if (!machine.busy.empty()) machine_line += "; busy, times are unreliable";
    std::string text = svg_text({kPlot.left, 30}, 18, title, "font-weight=\"bold\"") +
                       svg_text({kPlot.left, 51}, 13, machine_line, "fill=\"#555\"");
    double x = kPlot.left + 6;
    for (const auto& [kind, share] : kinds_) {
      const std::string entry = kind + " " + percent(share, share < 0.1 ? 1 : 0);
      text += svg_circle({{x, 74}, 6}, "fill=\"" + colour(kind) + "\"") + svg_text({x + 11, 78}, 13, entry);
      x += 11 + text_width(entry, 13) + 18;
    }
    return text;
  }

  std::string grid() const {
    std::string text;
    for (const double tick : x_.ticks()) {
      const double x = x_.at(tick);
      text += svg_line({x, kPlot.top}, {x, kPlot.bottom()}, grid_style(x_, tick));
      if (x_.is_labelled(tick)) text += svg_text({x, kPlot.bottom() + 18}, 13, digits(tick), "text-anchor=\"middle\"");
    }
    for (const double tick : y_.ticks()) {
      const double y = y_.at(tick);
      text += svg_line({kPlot.left, y}, {kPlot.right(), y}, grid_style(y_, tick));
      if (y_.is_labelled(tick)) text += svg_text({kPlot.left - 8, y + 4.5}, 13, digits(tick), "text-anchor=\"end\"");
    }
    const double middle = kPlot.top + kPlot.height / 2;
    return text +
           svg_text({kPlot.left + kPlot.width / 2, kPlot.bottom() + 42}, 14,
                    "arithmetic intensity: operations per byte of inputs, weights and outputs",
                    "text-anchor=\"middle\"") +
           svg_text({20, middle}, 14, "GFLOP/s",
                    "text-anchor=\"middle\" transform=\"rotate(-90 20 " + pixels(middle) + ")\"");
  }

  static std::string grid_style(const Axis& axis, double tick) {
    return axis.is_labelled(tick) ? "stroke=\"#ddd\"" : "stroke=\"#f0f0f0\"";
  }

  std::string dots() const {
    std::string text;
    for (const Mark& mark : marks_)  // the largest dots are drawn first and lie below the others
      text += svg_circle(
          dot(mark), "fill=\"" + colour(mark.kind) + "\" fill-opacity=\"0.4\" stroke=\"" + colour(mark.kind) + "\"");
    return text;
  }

  /// The start of the slanted roof, the point where the two roofs meet, and the end of the level roof.
  std::array<Point, 3> corners() const {
    const double start = std::max(x_.low(), y_.low() / bandwidth_);
    return {Point{x_.at(start), y_.at(start * bandwidth_)}, Point{x_.at(peak_ / bandwidth_), y_.at(peak_)},
            Point{x_.at(x_.high()), y_.at(peak_)}};
  }

  std::string roofs() {
    constexpr const char* kStroke = "stroke=\"#222\" stroke-width=\"2\" stroke-linecap=\"round\"";
    const auto [start, ridge, end] = corners();
    const std::string level = "arithmetic: " + digits(peak_) + " GFLOP/s",
                      slanted = "memory: " + digits(bandwidth_) + " GB/s";
    const double angle = std::atan2(ridge.y - start.y, ridge.x - start.x);
    const Point middle{(start.x + ridge.x) / 2 + 9 * std::sin(angle), (start.y + ridge.y) / 2 - 9 * std::cos(angle)};
    const double width = text_width(level, 13) + 8, left = std::min(ridge.x, end.x - width);
    taken_.push_back({left, ridge.y - 22, width, 22});
    const std::string turned = "transform=\"rotate(" + pixels(angle * 180 / std::numbers::pi) + " " + pixels(middle.x) +
                               " " + pixels(middle.y) + ")\"";
    return svg_line(start, ridge, kStroke) + svg_line(ridge, end, kStroke) +
           svg_label({left, ridge.y - 8}, 13, level, "font-weight=\"600\"") +
           svg_label(middle, 13, slanted, "text-anchor=\"middle\" font-weight=\"600\" " + turned);
  }

  /// Points along the roofs and along the label of the slanted roof.
  std::vector<Point> obstacles() const {
    const auto corner = corners();
    std::vector<Point> points;
    for (std::size_t i = 0; i + 1 < corner.size(); ++i)
      for (int step = 0; step <= 100; ++step) {
        const double t = step / 100.0;
        const Point point{corner[i].x + t * (corner[i + 1].x - corner[i].x),
                          corner[i].y + t * (corner[i + 1].y - corner[i].y)};
        points.push_back(point);
        if (i == 0) points.push_back({point.x, point.y - 16});
      }
    return points;
  }

  std::string labels() {
    std::vector<Dot> all;
    for (const Mark& mark : marks_) all.push_back(dot(mark));
    const std::vector<Point> lines = obstacles();
    std::string text;
    for (std::size_t i = 0; i < std::min(kMaxLabels, marks_.size()); ++i) {
      const Measurement& step = *marks_[i].step;
      const std::string words =
          report_.setting.model.empty() ? step.name + ": " + step.shape : step.name + " " + percent(marks_[i].share, 1);
      const Box box = place_label(all[i], text_width(words, kLabelSize), kLabelSize * 1.3, kPlot, taken_, all, lines);
      taken_.push_back(box);
      const Point centre = all[i].centre,
                  nearest{std::clamp(centre.x, box.left, box.right()), std::clamp(centre.y, box.top, box.bottom())};
      text += svg_line(centre, nearest, "stroke=\"#222\" stroke-width=\"0.8\"") +
              svg_circle({centre, 1.8}, "fill=\"#222\"") +
              svg_label({box.left + box.width / 2, box.bottom() - 4}, kLabelSize, words, "text-anchor=\"middle\"");
    }
    return text;
  }

  std::string foot() const {
    double hidden = 1;
    bool above = false;
    for (const Mark& mark : marks_) {
      hidden -= mark.share;
      above = above || mark.step->gflops > std::min(peak_, mark.intensity * bandwidth_);
    }
    std::string words = "Area: share of the time.";
    if (report_.setting.model.empty())
      words += " Not shown: the reference, and operators without arithmetic.";
    else if (marks_.size() < report_.layers.size())
      words += " Not shown, as they have no arithmetic: " + std::to_string(report_.layers.size() - marks_.size()) +
               " that take " + percent(hidden, 1) + ".";
    if (above) words += " Above the roof: tensors in caches, or Winograd, which needs fewer operations.";
    return svg_text({kPlot.left, kHeight - 14}, 12, words, "fill=\"#555\"");
  }

  const Report& report_;
  const std::vector<Mark> marks_;
  const std::vector<std::pair<std::string, double>> kinds_;
  const double peak_, bandwidth_;
  const Axis x_, y_;
  std::vector<Box> taken_;  // boxes of texts in the plot
};

}  // namespace

std::string roofline_svg(const Report& report) {
  if (report.layers.empty()) throw Error("nothing to plot: the result has no steps (--layers)");
  if (!is_plottable(report.machine.peak_gflops) || !is_plottable(report.machine.bandwidth_gbs))
    throw Error("no roofline to plot: the result has no peak of the machine");
  return Plot(report).draw();
}

}  // namespace cudet::bench
