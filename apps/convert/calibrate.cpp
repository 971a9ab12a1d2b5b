#include "apps/convert/calibrate.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <memory>

#include "apps/image/decode.h"
#include "kernels/letterbox/letterbox.h"
#include "runtime/compile/quantize.h"
#include "runtime/cpu/cores.h"
#include "runtime/cpu/executor.h"
#include "runtime/input_fit.h"
#include "runtime/model/file.h"
#include "runtime/model/model.h"
#include "runtime/program_cache.h"

namespace cudet::convert {
namespace {

constexpr std::size_t kMostPixels = 100'000'000;  // of a picture

/// Values of one tensor over all pictures: their ends first, then how often they lie where between these.
class Histogram {
 public:
  void widen(float value) {
    low_ = std::min(low_, value);
    high_ = std::max(high_, value);
  }
  void count(float value) {
    const double width = static_cast<double>(high_) - low_;  // 0 where every value is 0
    const double place = width > 0 ? (static_cast<double>(value) - low_) / width * kBins : 0;
    ++counts_[static_cast<std::size_t>(std::clamp(place, 0.0, kBins - 1.0))];
  }

  /// Of the ranges that keep so many 16ths of the lower side and 64ths of the upper one, the one of the least error.
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

/// Runs pictures one by one, and looks at what each convolution made before the next one starts.
class Observer {
 public:
  explicit Observer(const Model& model)
      : model_(model),
        weights_(model.impl().cpu_weights()),
        input_fit_{{model.input_size().height, model.input_size().width}, Fit::least, model.stride()},
        executor_(static_cast<int>(usable_cores().size())) {
    const Graph& graph = model.impl().graph;
    const std::vector<bool> quantized = find_quantized(graph);
    for (const Node& node : graph.nodes)
      if (std::holds_alternative<ConvOp>(node.op) && quantized[static_cast<std::size_t>(node.output)])
        histograms_[node.name];
  }

  using Look = std::function<void(Histogram&, const std::string& module, const float* values, std::size_t count)>;

  void run(const Image& image, const Look& look) {
    const Frame frame = image.frame();
    const Extent size = input_fit_.input_size({&frame, 1});
    const Program& program = this->program(size);
    if (program.memory.bytes > arena_.bytes()) arena_ = Buffer(program.memory.bytes);
    const Memory memory{arena_.data(), weights_->bytes.data()};
    const Letterbox letterbox{frame, input_fit_.fit_frame(frame, size), program.input, 0};
    letterbox_cpu(letterbox, memory, 0, letterbox.tiles());
    for (const Program::NamedStep& named : program.steps) {
      executor_.run(named.step, memory);
      const auto* conv = std::get_if<Conv2d>(&named.step);
      const auto found = conv ? histograms_.find(named.name) : histograms_.end();
      if (found == histograms_.end()) continue;
      const float* values = arena_data<float>(memory, conv->y);
      for (int v = 0; v < conv->y.h; ++v)
        for (int u = 0; u < conv->y.w; ++u)
          look(found->second, named.name, values + conv->y.pixel(0, v, u), static_cast<std::size_t>(conv->y.c));
    }
  }

  const std::map<std::string, Histogram>& histograms() const { return histograms_; }

 private:
  const Program& program(Extent size) {
    if (const Program* known = programs_.find(1, size)) return *known;
    return programs_.add(std::make_unique<Program>(compile(model_.impl().graph, *weights_, 1, size)));
  }

  const Model& model_;
  std::shared_ptr<const PackedWeights> weights_;
  InputFit input_fit_;
  CpuExecutor executor_;
  RecentPrograms<Program> programs_;
  Buffer arena_;
  std::map<std::string, Histogram> histograms_;  // by module
};

}  // namespace

std::map<std::string, ValueRange> calibrate(const Model& model, const std::vector<std::string>& pictures) {
  Observer observer(model);
  const auto run_all = [&](const Observer::Look& look) {
    for (const std::string& path : pictures) observer.run(decode_image(read_file(path), path, kMostPixels).image, look);
  };
  run_all([](Histogram& histogram, const std::string& module, const float* values, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      if (!std::isfinite(values[i])) throw Error(module + ": values that are not finite");
      histogram.widen(values[i]);
    }
  });
  run_all([](Histogram& histogram, const std::string&, const float* values, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) histogram.count(values[i]);
  });
  std::map<std::string, ValueRange> ranges;
  for (const auto& [module, histogram] : observer.histograms()) ranges[module] = histogram.best();
  return ranges;
}

}  // namespace cudet::convert
