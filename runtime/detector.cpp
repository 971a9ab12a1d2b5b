// The public API: checks arguments, selects the engine, and serialises calls.
#include <algorithm>
#include <mutex>
#include <new>
#include <system_error>

#include "runtime/cpu/cores.h"
#include "runtime/engine.h"
#include "runtime/model/model.h"

namespace cudet {
namespace {

constexpr int kMaxThreads = 1024;

/// Whether a network can read the frame. `wanted`: channels of its input.
bool has_channels(const Frame& frame, int wanted) {
  switch (frame.format) {
    case PixelFormat::interleaved:
      return frame.count == wanted;
    case PixelFormat::grey:
      return wanted == 1 || wanted == 3;
    case PixelFormat::bgra:
      return wanted == 4 || wanted == 3;
    default:
      return wanted == 3;
  }
}

void check_frame(const Frame& frame, Device device, int wanted) {
  if (!frame.data) throw Error("a frame without data");
  if (frame.width < 1 || frame.height < 1)
    throw Error("a frame of " + std::to_string(frame.width) + "x" + std::to_string(frame.height) + " pixels");
  if (frame.format > PixelFormat::interleaved) throw Error("a frame with an unknown pixel format");
  if (!has_channels(frame, wanted))
    throw Error("the network's input has " + std::to_string(wanted) + (wanted == 1 ? " channel, " : " channels, ") +
                (frame.format == PixelFormat::interleaved ? "the frame has " + std::to_string(frame.count)
                                                          : "which a frame of this pixel format does not have"));
  const bool planar = frame.format == PixelFormat::nv12;
  const std::ptrdiff_t width = frame.width, row = planar ? (width + 1) / 2 * 2 : width * channels(frame);
  if (frame.stride > -row && frame.stride < row) throw Error("a frame whose row stride is smaller than a row");
  if (planar && frame.stride < 0 && !frame.chroma) throw Error("a bottom-up NV12 frame needs a pointer to its chroma");
  if (frame.on_device && device == Device::cpu)
    throw Error("a frame is on the CUDA device, but the network runs on the CPU");
}

void check_frames(std::span<const Frame> frames, Device device, int channels) {
  for (std::size_t i = 0; i < frames.size(); ++i) {
    try {
      check_frame(frames[i], device, channels);
    } catch (const Error& error) {
      throw Error((frames.size() > 1 ? "frame " + std::to_string(i) + ": " : "") + error.what());
    }
  }
}

void check_options(const DetectOptions& options, int classes) {
  if (!(options.confidence >= 0 && options.confidence <= 1)) throw Error("confidence must be from 0 to 1");
  if (!(options.iou >= 0 && options.iou <= 1)) throw Error("iou must be from 0 to 1");
  if (options.max_detections < 1) throw Error("max_detections must be at least 1");
  for (const int c : options.classes)
    if (c < 0 || c >= classes)
      throw Error("class " + std::to_string(c) + " is not one of the model's " + std::to_string(classes));
}

void check_choices(const DetectorOptions& options) {
  const auto known = [](auto value, auto last) { return static_cast<unsigned>(value) <= static_cast<unsigned>(last); };
  if (!known(options.device, Device::cuda)) throw Error("an unknown device");
  if (!known(options.precision, Precision::int8)) throw Error("an unknown precision");
  if (!known(options.fit, Fit::whole)) throw Error("an unknown fit");
  if (!known(options.executor, Executor::graph)) throw Error("an unknown executor");
  if (options.cuda_device < -1) throw Error("cuda_device must be at least -1");
}

Extent check_input(const DetectorOptions& options, const Model& model) {
  check_choices(options);
  const Size size = options.input.height == 0 && options.input.width == 0 ? model.input_size() : options.input;
  if (size.height < 1 || size.width < 1 || size.height > kMaxInput || size.width > kMaxInput)
    throw Error("an input of " + std::to_string(size.height) + "x" + std::to_string(size.width) +
                " pixels: sides must be from 1 to " + std::to_string(kMaxInput));
  const Extent rounded{round_up(size.height, model.stride()), round_up(size.width, model.stride())};
  try {
    infer_extents(model.impl().graph, rounded);
  } catch (const Error& error) {
    throw Error(model.path() + ": " + error.what());
  }
  return rounded;
}

int check_threads(int threads) {
  if (threads < 0 || threads > kMaxThreads) throw Error("threads must be from 0 to " + std::to_string(kMaxThreads));
  return threads > 0 ? threads : std::min(kMaxThreads, default_threads());
}

std::unique_ptr<Engine> cuda_engine([[maybe_unused]] const Model& model, [[maybe_unused]] const InputFit& input_fit,
                                    [[maybe_unused]] const CudaOptions& options) {
#ifdef CUDET_CUDA
  return make_cuda_engine(model, input_fit, options);
#else
  throw NoCudaDevice("this build does not support CUDA");
#endif
}

}  // namespace

struct Detector::Impl {
  Impl(Model given, const DetectorOptions& options)
      : model(std::move(given)),
        input_fit{check_input(options, model), options.fit, model.stride()},
        engine(make_engine(options, check_threads(options.threads))) {}

  std::unique_ptr<Engine> make_engine(const DetectorOptions& options, int threads) {
    const bool half = options.precision == Precision::fp16, bytes = options.precision == Precision::int8;
    if (bytes && !model.quantized())
      throw Error("precision int8: " + model.path() + " is not quantised (run `convert --int8` first)");
    const std::string without = "the CPU supports fp32 and int8 only";
    const auto cpu_engine = [&] {
      const bool quantized = bytes || (options.precision == Precision::automatic && model.quantized());
      return make_cpu_engine(model, input_fit, quantized ? Precision::int8 : Precision::fp32, threads);
    };
    if (options.device == Device::cpu) {
      if (half) throw Error("precision fp16: " + without);
      return cpu_engine();
    }
    if (bytes) {
      if (options.device == Device::cuda) throw Error("precision int8: CUDA supports fp32 and fp16 only");
      return cpu_engine();
    }
    try {
      return cuda_engine(model, input_fit,
                         {half ? Precision::fp16 : Precision::fp32, options.executor, options.cuda_device});
    } catch (const NoCudaDevice& none) {
      if (options.device == Device::cuda) throw Error(std::string("device cuda: ") + none.what());
      if (half) throw Error(std::string("precision fp16: ") + none.what() + ", and " + without);
    } catch (const Error& error) {
      if (options.device == Device::cuda || half) throw;
      fallback = error.what();
    }
    return cpu_engine();
  }

  void check(std::span<const Frame> frames, const DetectOptions& options) const {
    check_options(options, static_cast<int>(model.names().size()));
    check_frames(frames, engine->device(), model.channels());
  }

  // The two halves of detect(). The caller holds the lock.
  void submit(std::span<const Frame> frames, const DetectOptions& options, std::vector<RawOutput>* raw) {
    try {
      engine->submit(frames, options, raw);
      ++in_flight;
    } catch (const std::bad_alloc&) {
      throw Error("out of memory for a batch of " + std::to_string(frames.size()));
    }
  }
  std::vector<Result> collect() {
    try {
      --in_flight;
      return engine->collect();
    } catch (const std::bad_alloc&) {
      throw Error("out of memory for the results of a batch");
    }
  }

  Model model;
  InputFit input_fit;
  std::string fallback;
  std::unique_ptr<Engine> engine;
  std::size_t in_flight = 0;  // batches
  std::mutex mutex;
};

Detector::Detector(Model model, DetectorOptions options) {
  const std::string path = model.path();
  try {
    impl_ = std::make_unique<Impl>(std::move(model), options);
  } catch (const std::bad_alloc&) {
    throw Error(path + ": out of memory for a detector");
  } catch (const std::system_error&) {
    throw Error(path + ": the system does not have enough threads");
  }
}

Detector::~Detector() = default;
Detector::Detector(Detector&&) noexcept = default;
Detector& Detector::operator=(Detector&&) noexcept = default;

Size Detector::input() const {
  return {impl_->input_fit.limit.h, impl_->input_fit.limit.w};
}

Device Detector::device() const {
  return impl_->engine->device();
}

Precision Detector::precision() const {
  return impl_->engine->precision();
}

const std::string& Detector::fallback() const {
  return impl_->fallback;
}

std::string Detector::take_warning() {
  const std::lock_guard lock(impl_->mutex);
  return impl_->engine->take_warning();
}

Result Detector::detect(const Frame& frame, const DetectOptions& options) {
  return std::move(detect(std::span(&frame, 1), options).front());
}

std::vector<Result> Detector::detect(std::span<const Frame> frames, const DetectOptions& options,
                                     std::vector<RawOutput>* raw) {
  impl_->check(frames, options);
  if (raw) raw->clear();
  if (frames.empty()) return {};
  const std::lock_guard lock(impl_->mutex);
  if (impl_->in_flight > 0) throw Error("detect: collect the submitted batch first");
  impl_->submit(frames, options, raw);
  return impl_->collect();
}

void Detector::submit(std::span<const Frame> frames, const DetectOptions& options) {
  impl_->check(frames, options);
  if (frames.empty()) throw Error("submit: the batch has no frames");
  const std::lock_guard lock(impl_->mutex);
  if (impl_->in_flight == Engine::kMaxInFlight) throw Error("submit: two batches are in flight: collect one first");
  impl_->submit(frames, options, nullptr);
}

std::vector<Result> Detector::collect() {
  const std::lock_guard lock(impl_->mutex);
  if (impl_->in_flight == 0) throw Error("collect: nothing was submitted");
  return impl_->collect();
}

}  // namespace cudet
