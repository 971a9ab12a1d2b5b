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
  /// Reads a model description (JSON) and its weights (safetensors): `weights`, or the file that the description names,
  /// beside it. Throws Error that names the file and the row at fault.
  static Model load(const std::string& description, const std::string& weights = "");

  const std::string& path() const;                ///< the description's
  const std::string& weights_path() const;        ///< of the file that the weights came from
  const std::vector<std::string>& names() const;  ///< of the classes
  Size input_size() const;                        ///< that the model was made for
  int stride() const;                             ///< the least whole step of input sizes, pixels

  struct Impl;
  const Impl& impl() const { return *impl_; }

 private:
  explicit Model(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<const Impl> impl_;
};

enum class Device { automatic, cpu, cuda };
enum class Precision { fp32 };

/// How pictures meet the network's input.
enum class Fit {
  least,  ///< the least rectangle of whole strides within `input`; pictures of mixed sizes in one call: all of `input`
  whole,  ///< all of `input`
};

struct DetectorOptions {
  Device device = Device::automatic;
  Precision precision = Precision::fp32;
  int threads = 0;   ///< of the CPU executor; 0: one a core
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
};

/// One object found: corners in pixels of the picture, x1 <= x2, y1 <= y2.
struct Detection {
  float x1, y1, x2, y2, score;
  int class_id;
};

/// Milliseconds of a picture; where several ran as one batch, its share of the network's time.
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

/// Runs a model on frames. Movable, not copyable; one that was moved from may only be assigned to or end. detect() may
/// be called from several threads: it locks, so that calls run one after the other. A call whose batch and input size
/// are among the last eight met allocates nothing but its results.
class CUDET_API Detector {
 public:
  explicit Detector(Model model, DetectorOptions options = {});
  ~Detector();
  Detector(Detector&&) noexcept;
  Detector& operator=(Detector&&) noexcept;

  Result detect(const Frame& frame, const DetectOptions& options = {});
  /// A batch: one result a frame. `raw`, if given, gets one output a frame; after a throw it holds nothing of use.
  std::vector<Result> detect(std::span<const Frame> frames, const DetectOptions& options = {},
                             std::vector<RawOutput>* raw = nullptr);

  Size input() const;     ///< the options' input, rounded up to whole strides
  Device device() const;  ///< the one that runs: never `automatic`

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace cudet
