// cudet's public API: load a model, create a detector, pass it frames, get boxes.
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

/// The maximum side of a network's input, pixels.
constexpr int kMaxInput = 8192;

/// A height and a width, pixels.
struct Size {
  int height, width;
  bool operator==(const Size&) const = default;
};

/// A checked network and its weights. Immutable and thread-safe; copies share the same data.
class CUDET_API Model {
 public:
  /// Reads a model description (JSON) and checks its weights (safetensors): the file `weights` or, if that is empty,
  /// the file that the description names, relative to the description's folder. The weights file stays open, and each
  /// new detector reads it. It may be removed or replaced, but must not be modified. Throws Error that names the file
  /// and the invalid row.
  static Model load(const std::string& description, const std::string& weights = "");

  const std::string& path() const;                ///< of the description
  const std::string& weights_path() const;        ///< of the weights file
  const std::vector<std::string>& names() const;  ///< of the classes, by index
  Size input_size() const;                        ///< the model's default
  int channels() const;                           ///< of the input: 3 for RGB
  int stride() const;                             ///< input sizes are multiples of it, pixels
  bool quantized() const;                         ///< whether it can run in int8

  struct Impl;
  const Impl& impl() const { return *impl_; }

 private:
  explicit Model(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<const Impl> impl_;
};

enum class Device {
  automatic,  ///< CUDA if a device works, else the CPU
  cpu,
  cuda  ///< the calling thread's current CUDA device
};

/// The type of the values between steps and of the operands of products. Sums always have 32 bits.
enum class Precision {
  automatic,  ///< int8 if the CPU runs a quantised model (`convert --int8`), else fp32
  fp32,       ///< CPU; CUDA from compute capability 7.5 on
  fp16,       ///< CUDA from compute capability 8.0 on, on tensor cores
  int8        ///< CPU, with a quantised model
};

/// How a CUDA device runs the network. The results are the same.
enum class Executor {
  automatic,  ///< one launch for the whole network, if it has few enough tiles
  graph       ///< one launch per step, captured in a graph
};

/// How images are fitted into the network's input.
enum class Fit {
  least,  ///< the smallest input of whole strides within `input`; `input` itself if a batch mixes image sizes
  whole,  ///< `input`
};

struct DetectorOptions {
  Device device = Device::automatic;
  Precision precision = Precision::automatic;
  int threads = 0;   ///< of the CPU engine, including the caller's; 0: one per core that may be used
  Size input{0, 0};  ///< rounded up to whole strides; 0: the model's default
  Fit fit = Fit::least;
  Executor executor = Executor::automatic;  ///< CUDA only
  int cuda_device = -1;                     ///< CUDA's index of the device; -1: the calling thread's current one
};

/// Which boxes are reported.
struct DetectOptions {
  float confidence = 0.25f;    ///< only boxes with a higher score; 0..1
  float iou = 0.7f;            ///< NMS drops a box whose IoU with a better one of its class is higher; 0..1
  std::vector<int> classes{};  ///< only these class indices; empty: all
  bool agnostic = false;       ///< NMS compares boxes of different classes too
  int max_detections = 300;    ///< maximum per image
  /// CUDA: frames on the device are read after the work that is queued on this stream (cudaStream_t). Null: the legacy
  /// default stream, which waits for every blocking stream.
  void* stream = nullptr;
};

/// A detected object: corners in pixels of the image, x1 <= x2, y1 <= y2.
struct Detection {
  float x1, y1, x2, y2, score;
  int class_id;
};

/// Milliseconds per image. `network` is the batch's time divided by the number of images. On CUDA the same holds for
/// `letterbox`, and `network` includes NMS.
struct Timing {
  double letterbox, network, nms;
};

/// An image's detections, by descending score; equal scores by anchor index.
struct Result {
  std::vector<Detection> detections;
  Timing ms;
  /// False: the network computed NaN or infinity for the image, and boxes may be missing. On CUDA, boxes with a score
  /// below the threshold are not looked at.
  bool finite = true;
};

/// The network's unprocessed input and output for one image.
struct RawOutput {
  Size input;                 ///< of the network
  int channels, anchors;      ///< 4 + classes; anchor points
  std::vector<float> pixels;  ///< height, width, channels: the letterboxed image in 0..1
  std::vector<float> values;  ///< channels, anchors: cx, cy, w, h in pixels of the input, then class scores
};

/// Runs a model on frames. Movable, not copyable; a moved-from detector may only be assigned to or destroyed.
/// Thread-safe: its functions lock, and calls run one after the other. A call whose batch and input size are among the
/// last eight used allocates only its results.
class CUDET_API Detector {
 public:
  /// Throws Error if the device or the precision is not available; Device::automatic instead uses the CPU if the CPU
  /// supports the precision. Throws Error if the weights cannot be read, or if their file's size or modification time
  /// has changed since the model was loaded.
  explicit Detector(Model model, DetectorOptions options = {});
  ~Detector();
  Detector(Detector&&) noexcept;
  Detector& operator=(Detector&&) noexcept;

  Result detect(const Frame& frame, const DetectOptions& options = {});
  /// Runs a batch. Returns one result per frame; `raw`, if given, gets one output per frame and is unspecified after an
  /// exception. Throws Error if a submitted batch is not collected yet.
  std::vector<Result> detect(std::span<const Frame> frames, const DetectOptions& options = {},
                             std::vector<RawOutput>* raw = nullptr);

  /// submit() and collect() are detect() in two halves: on CUDA one batch is sent to the device while the network runs
  /// on the previous one. submit() starts a batch of at least one frame. When it returns, frames in host memory have
  /// been read; frames on the device must not change before collect(). Throws Error if two batches are in flight.
  void submit(std::span<const Frame> frames, const DetectOptions& options = {});
  /// Waits for the oldest batch in flight and returns its results. The batch is then collected, even if this throws.
  /// Throws Error if no batch is in flight.
  std::vector<Result> collect();

  Size input() const;           ///< the options' input, rounded up to whole strides
  Device device() const;        ///< in use; never `automatic`
  Precision precision() const;  ///< in use; never `automatic`
  /// Returns why Device::automatic uses the CPU although there is a CUDA device, else an empty string. Always empty in
  /// int8, which does not look for a device.
  const std::string& fallback() const;
  /// Returns a line if something went wrong since the last call that did not change results, such as a launch that was
  /// stopped and repeated by Executor::graph. Else an empty string.
  std::string take_warning();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace cudet
