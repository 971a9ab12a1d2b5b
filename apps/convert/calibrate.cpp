#include "apps/convert/calibrate.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <functional>
#include <memory>

#include "apps/image/decode.h"
#include "runtime/compile/quantize.h"
#include "runtime/cpu/cores.h"
#include "runtime/cpu/session.h"
#include "runtime/input_fit.h"
#include "runtime/model/file.h"

namespace cudet::convert {
namespace {

constexpr std::size_t kMaxPixels = 100'000'000;  // per image

/// A histogram of one tensor's values over all images. The first pass finds the range (widen), the second fills the
/// bins (count).
class Histogram {
 public:
  void widen(float value) {
    low_ = std::min(low_, value);
    high_ = std::max(high_, value);
  }
  void count(float value) {
    const double width = static_cast<double>(high_) - low_;  // 0 if every value is 0
    const double position = width > 0 ? (static_cast<double>(value) - low_) / width * kBins : 0;
    ++counts_[static_cast<std::size_t>(std::clamp(position, 0.0, kBins - 1.0))];
  }

  /// Searches the range with the smallest squared error among those that keep n/16 of the lower and m/64 of the upper
  /// side.
  ValueRange best() const {
    constexpr int kLow = 16, kHigh = 64;
    const std::vector<Bin> bins = filled_bins();
    ValueRange best{low_, high_};
    double least = error(bins, best);
    for (int low = kLow; low >= 0; --low)
      for (int high = kHigh; high >= 0; --high) {
        const ValueRange range{low_ * static_cast<float>(low) / kLow, high_ * static_cast<float>(high) / kHigh};
        if (const double loss = error(bins, range); loss < least) {
          least = loss;
          best = range;
        }
      }
    return best;
  }

 private:
  static constexpr int kBins = 4096;

  struct Bin {
    double value, count;
  };
  std::vector<Bin> filled_bins() const {
    std::vector<Bin> bins;
    const double width = (static_cast<double>(high_) - low_) / kBins;
    for (std::size_t i = 0; i < kBins; ++i)
      if (counts_[i] > 0)
        bins.push_back({low_ + (static_cast<double>(i) + 0.5) * width, static_cast<double>(counts_[i])});
    return bins;
  }
  static double error(const std::vector<Bin>& bins, ValueRange range) {
    const double step = (static_cast<double>(range.high) - range.low) / 255, rounding = step * step / 12;
    double sum = 0;
    for (const Bin& bin : bins) {
      const double cut = std::max({bin.value - range.high, range.low - bin.value, 0.0});
      sum += bin.count * (cut > 0 ? cut * cut : rounding);
    }
    return sum;
  }

  float low_ = 0, high_ = 0;
  std::array<std::uint64_t, kBins> counts_{};
};

/// Runs images one by one and shows the output of each measured convolution to a callback.
class Observer {
 public:
  explicit Observer(const Model& model)
      : input_fit_{{model.input_size().height, model.input_size().width}, Fit::least, model.stride()},
        session_(model, {Type::f32, default_threads()}) {
    for (const std::string& module : measured_modules(model.impl().graph)) histograms_[module];
  }

  /// Gets the values of one pixel.
  using Callback = std::function<void(Histogram&, const std::string& module, const float* values, std::size_t count)>;

  void run(const Image& image, const Callback& callback) {
    const Frame frame = image.frame();
    const Extent size = input_fit_.input_size({&frame, 1});
    const Program& program = session_.program(1, size);
    session_.letterbox(program, frame, input_fit_.fit_frame(frame, size), 0);
    for (const Program::NamedStep& named : program.steps) {
      session_.run(named);
      const auto* conv = std::get_if<Conv2d>(&named.step);
      const auto found = conv ? histograms_.find(named.name) : histograms_.end();
      if (found == histograms_.end()) continue;
      const float* values = arena_data<float>(session_.memory(), conv->y);
      for (int v = 0; v < conv->y.h; ++v)
        for (int u = 0; u < conv->y.w; ++u)
          callback(found->second, named.name, values + conv->y.pixel(0, v, u), static_cast<std::size_t>(conv->y.c));
    }
  }

  const std::map<std::string, Histogram>& histograms() const { return histograms_; }

 private:
  InputFit input_fit_;
  CpuSession session_;
  std::map<std::string, Histogram> histograms_;  // by module
};

}  // namespace

std::map<std::string, ValueRange> calibrate(const Model& model, const std::vector<std::string>& images) {
  Observer observer(model);
  const auto run_all = [&](bool first, const Observer::Callback& callback) {
    for (const std::string& path : images) {
      const DecodedImage decoded = decode_image(read_file(path), path, kMaxPixels, model.channels());
      if (first && !decoded.damage.empty()) std::fprintf(stderr, "convert: %s\n", decoded.damage.c_str());
      observer.run(decoded.image, callback);
    }
  };
  run_all(true, [](Histogram& histogram, const std::string& module, const float* values, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      if (!std::isfinite(values[i])) throw Error(module + ": its output has values that are not finite");
      histogram.widen(values[i]);
    }
  });
  run_all(false, [](Histogram& histogram, const std::string&, const float* values, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) histogram.count(values[i]);
  });
  std::map<std::string, ValueRange> ranges;
  for (const auto& [module, histogram] : observer.histograms()) ranges[module] = histogram.best();
  return ranges;
}

}  // namespace cudet::convert
