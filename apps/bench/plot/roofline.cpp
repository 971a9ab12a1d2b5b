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
constexpr double kLargestRadius = 18, kLeastRadius = 2.5;
constexpr double kLabel = 12;       // size of its letters, pixels
constexpr std::size_t kLabels = 5;  // of the most expensive
constexpr std::array<const char*, 8> kColours = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                                 "#e69f00", "#56b4e9", "#7f7f7f", "#000000"};

/// A value from pixel to pixel, by its logarithm, from a round number below all of `values` to one above them.
class Axis {
 public:
  Axis(const std::vector<double>& values, double from, double to) : from_(from), to_(to) {
    const auto [least, most] = std::minmax_element(values.begin(), values.end());
    constexpr double kRoom = 1.4;
    low_ = round(*least / kRoom, false);
    high_ = round(*most * kRoom, true);
  }

  double low() const { return low_; }
  double high() const { return high_; }
  double at(double value) const { return from_ + (to_ - from_) * std::log(value / low_) / std::log(high_ / low_); }
  /// Where lines go: 1, 2 and 5 times each power of ten.
  std::vector<double> ticks() const {
    std::vector<double> ticks;
    for (double power = std::pow(10, std::floor(std::log10(low_))); power <= high_; power *= 10)
      for (const double digit : {1, 2, 5})
        if (power * digit >= low_ * 0.999 && power * digit <= high_ * 1.001) ticks.push_back(power * digit);
    return ticks;
  }
  /// Whether a tick has its number: all where there are few decades, else powers of ten.
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
  double intensity;  // operations a byte
  double share;      // of the time of all
  std::string kind;  // what its colour stands for
};

/// Whether a logarithmic axis that is to be read can have a value.
bool has_place(double value) {
  return value > 1e-9 && value < 1e12;
}

/// The marks, the most expensive first. Left out are what has no operations, and so no place on a logarithmic axis, and
/// the reference of an operator, beside which all else would be small.
std::vector<Mark> marks_of(const Report& report) {
  const bool operators = report.setting.model.empty();
  const auto counts = [&](const Measurement& step) { return !operators || step.name != "reference"; };
  double all_ms = 0;
  for (const Measurement& step : report.layers) all_ms += counts(step) ? step.time.p50_ms : 0;
  std::vector<Mark> marks;
  for (const Measurement& step : report.layers) {
    const double intensity = step.gflop * 1e3 / step.mbytes;
    if (counts(step) && has_place(intensity) && has_place(step.gflops))
      marks.push_back({&step, intensity, step.time.p50_ms / all_ms, operators ? step.name : step.op});
  }
  std::stable_sort(marks.begin(), marks.end(), [](const Mark& a, const Mark& b) { return a.share > b.share; });
  return marks;
}

/// Kinds and their colours, in the order of the time that they take.
std::vector<std::pair<std::string, double>> kinds_of(const std::vector<Mark>& marks) {
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
        marks_(marks_of(report)),
        kinds_(kinds_of(marks_)),
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
  /// What an axis has to hold.
  std::vector<double> values(bool horizontal) const {
    constexpr double kSlope = 8;  // so much of the slanted roof is seen in any case
    std::vector<double> values = {horizontal ? peak_ / bandwidth_ : peak_};
    values.push_back(values[0] / kSlope);
    for (const Mark& mark : marks_) values.push_back(horizontal ? mark.intensity : mark.step->gflops);
    return values;
  }

  Dot dot_of(const Mark& mark) const {
    const double radius = kLargestRadius * std::sqrt(mark.share / marks_.front().share);
    return {{x_.at(mark.intensity), y_.at(mark.step->gflops)}, std::max(radius, kLeastRadius)};
  }

  std::string colour_of(const std::string& kind) const {
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
    if (!machine.busy.empty()) machine_line += "; busy, times mean little";
    std::string text = svg_text({kPlot.left, 30}, 18, title, "font-weight=\"bold\"") +
                       svg_text({kPlot.left, 51}, 13, machine_line, "fill=\"#555\"");
    double x = kPlot.left + 6;
    for (const auto& [kind, share] : kinds_) {
      const std::string entry = kind + " " + percent(share, share < 0.1 ? 1 : 0);
      text += svg_circle({{x, 74}, 6}, "fill=\"" + colour_of(kind) + "\"") + svg_text({x + 11, 78}, 13, entry);
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
                    "arithmetic intensity: operations for each byte of inputs, weights and outputs",
                    "text-anchor=\"middle\"") +
           svg_text({20, middle}, 14, "GFLOP/s",
                    "text-anchor=\"middle\" transform=\"rotate(-90 20 " + pixels(middle) + ")\"");
  }

  static std::string grid_style(const Axis& axis, double tick) {
    return axis.is_labelled(tick) ? "stroke=\"#ddd\"" : "stroke=\"#f0f0f0\"";
  }

  std::string dots() const {
    std::string text;
    for (const Mark& mark : marks_)  // the largest below
      text += svg_circle(dot_of(mark), "fill=\"" + colour_of(mark.kind) + "\" fill-opacity=\"0.4\" stroke=\"" +
                                           colour_of(mark.kind) + "\"");
    return text;
  }

  /// Where the slanted roof begins, where the two meet, where the level one ends.
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

  /// Points along the roofs, and along the slanted one's words.
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
    for (const Mark& mark : marks_) all.push_back(dot_of(mark));
    const std::vector<Point> lines = obstacles();
    std::string text;
    for (std::size_t i = 0; i < std::min(kLabels, marks_.size()); ++i) {
      const Measurement& step = *marks_[i].step;
      const std::string words =
          report_.setting.model.empty() ? step.name + ": " + step.shape : step.name + " " + percent(marks_[i].share, 1);
      const Box box = place_label(all[i], text_width(words, kLabel), kLabel * 1.3, kPlot, taken_, all, lines);
      taken_.push_back(box);
      const Point centre = all[i].centre,
                  nearest{std::clamp(centre.x, box.left, box.right()), std::clamp(centre.y, box.top, box.bottom())};
      text += svg_line(centre, nearest, "stroke=\"#222\" stroke-width=\"0.8\"") +
              svg_circle({centre, 1.8}, "fill=\"#222\"") +
              svg_label({box.left + box.width / 2, box.bottom() - 4}, kLabel, words, "text-anchor=\"middle\"");
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
      words += " Not shown: the reference, and what has no arithmetic.";
    else if (marks_.size() < report_.layers.size())
      words += " Not shown, as they have no arithmetic: " + std::to_string(report_.layers.size() - marks_.size()) +
               " that take " + percent(hidden, 1) + ".";
    if (above) words += " Above the roof: tensors that lie in caches, or Winograd, which does fewer operations.";
    return svg_text({kPlot.left, kHeight - 14}, 12, words, "fill=\"#555\"");
  }

  const Report& report_;
  const std::vector<Mark> marks_;
  const std::vector<std::pair<std::string, double>> kinds_;
  const double peak_, bandwidth_;
  const Axis x_, y_;
  std::vector<Box> taken_;  // by words
};

}  // namespace

std::string roofline_svg(const Report& report) {
  if (report.layers.empty()) throw Error("there is nothing to plot: the result has no steps (--layers)");
  if (!has_place(report.machine.peak_gflops) || !has_place(report.machine.bandwidth_gbs))
    throw Error("there is no roofline to plot: the machine's peak was not measured");
  return Plot(report).draw();
}

}  // namespace cudet::bench
