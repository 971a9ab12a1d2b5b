// cudet's public API: load a model, make a detector, give it frames, get boxes.
//
//   cudet::Model model = cudet::Model::load("best.json");
//   cudet::Detector detector(model);
//   for (const cudet::Detection& d : detector.detect(frame).detections) …
//
// Every function that can fail throws cudet::Error, whose what() is one line.
#pragma once
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "kernels/error.h"
#include "kernels/frame.h"

namespace cudet {

/// The longest side of a network's input, pixels.
constexpr int kMostInput = 8192;

/// A height and a width, pixels.
struct Size {
  int height, width;
  bool operator==(const Size&) const = default;
};

/// A network and its weights, checked. Immutable; copies share it, and any number of threads may use it.
class CUDET_API Model {
 public:
  /// Reads a model description (JSON) and checks its weights (safetensors): `weights`, or the file that the description
  /// names, beside it. That file stays open for the detectors, which read it when they are made: it may be removed or
  /// replaced meanwhile, but must not be written to, nor touched. Throws Error that names the file and the row at
  /// fault.
  static Model load(const std::string& description, const std::string& weights = "");

  const std::string& path() const;                ///< the description's
  const std::string& weights_path() const;        ///< of the file that the weights came from
  const std::vector<std::string>& names() const;  ///< of the classes
  Size input_size() const;                        ///< that the model was made for
  int stride() const;                             ///< the least whole step of input sizes, pixels
  bool quantized() const;                         ///< whether it can run in int8

  struct Impl;
  const Impl& impl() const { return *impl_; }

 private:
  explicit Model(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<const Impl> impl_;
};

enum class Device {
  automatic,  ///< CUDA where there is a device that works, else the CPU
  cpu,
  cuda  ///< the calling thread's current CUDA device
};

/// Of values between the network's steps, and of what is multiplied; sums are of 32 bits in any case.
enum class Precision {
  automatic,  ///< int8 where the CPU runs a model that was quantised (`convert --int8`), else fp32
  fp32,       ///< CPU, and CUDA of any compute capability that the build has kernels for
  fp16,       ///< CUDA of compute capability 8.0 or later alone, on tensor cores
  int8        ///< CPU alone, and models that were quantised
};

/// How pictures meet the network's input.
enum class Fit {
  least,  ///< the least rectangle of whole strides within `input`; pictures of mixed sizes in one call: all of `input`
  whole,  ///< all of `input`
};

struct DetectorOptions {
  Device device = Device::automatic;
  Precision precision = Precision::automatic;
  int threads = 0;   ///< of the CPU executor, the caller's among them; 0: one a core
  Size input{0, 0};  ///< rounded up to whole strides; 0: the model's own
  Fit fit = Fit::least;
};

/// What counts as a detection.
struct DetectOptions {
  float confidence = 0.25f;    ///< scores above this count; 0..1
  float iou = 0.7f;            ///< boxes of a class that overlap more are one; 0..1
  std::vector<int> classes{};  ///< class indices that count; empty: all
  bool agnostic = false;       ///< boxes of different classes may suppress each other
  int max_detections = 300;    ///< a picture
  /// CUDA: the stream (cudaStream_t) whose work frames on the device wait for; null: the legacy default stream, which
  /// waits for every blocking stream.
  void* stream = nullptr;
};

/// One object found: corners in pixels of the picture, x1 <= x2, y1 <= y2.
struct Detection {
  float x1, y1, x2, y2, score;
  int class_id;
};

/// Milliseconds of a picture; where several ran as one batch, its share of the network's time. On CUDA its share of the
/// letterbox's too, and what NMS takes is part of `network`.
struct Timing {
  double letterbox, network, nms;
};

/// What a picture holds, by score; equal scores by anchor index.
struct Result {
  std::vector<Detection> detections;
  Timing ms;
};

/// The network's input and output as they are, for one picture.
struct RawOutput {
  Size input;                 ///< of the network
  int channels, anchors;      ///< 4 + classes; points
  std::vector<float> pixels;  ///< height, width, 3: the letterboxed picture, RGB in 0..1
  std::vector<float> values;  ///< channels, anchors: cx, cy, w, h in pixels of the input, then class scores
};

/// Runs a model on frames. Movable, not copyable; one that was moved from may only be assigned to or end. Its functions
/// may be called from several threads: they lock, so that calls run one after the other. A call whose batch and input
/// size are among the last eight met allocates nothing but its results.
class CUDET_API Detector {
 public:
  /// Throws Error where the device, or the precision on it, cannot be had (`automatic` then goes on with the CPU,
  /// unless it lacks the precision), and where the weights cannot be read, or their file has no more the size and time
  /// of modification that it had when the model was loaded.
  explicit Detector(Model model, DetectorOptions options = {});
  ~Detector();
  Detector(Detector&&) noexcept;
  Detector& operator=(Detector&&) noexcept;

  Result detect(const Frame& frame, const DetectOptions& options = {});
  /// A batch: one result a frame. `raw`, if given, gets one output a frame; after a throw it holds nothing of use.
  /// Throws Error where something that was submitted has not been collected.
  std::vector<Result> detect(std::span<const Frame> frames, const DetectOptions& options = {},
                             std::vector<RawOutput>* raw = nullptr);

  /// The same in halves, so that on CUDA a batch is read and sent to the device while the network runs on the one
  /// before it. submit() starts a batch of at least one frame, and has then read what is in host memory; frames on the
  /// device must stay as they are until collect(). At most two may be submitted and not yet collected: a third throws
  /// Error.
  void submit(std::span<const Frame> frames, const DetectOptions& options = {});
  /// Waits for the batch submitted first of those not yet collected, and gives its results; whether it throws or not,
  /// that batch is collected. Throws Error where there is none.
  std::vector<Result> collect();

  Size input() const;           ///< the options' input, rounded up to whole strides
  Device device() const;        ///< the one that runs: never `automatic`
  Precision precision() const;  ///< the one in use: never `automatic`
  /// Why `automatic` runs on the CPU though a CUDA device is there; empty where that is not so, and in int8, which no
  /// device is asked for.
  const std::string& fallback() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace cudet
