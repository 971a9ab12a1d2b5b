// Writers of results: one Output per requested kind.
#pragma once
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "apps/detect/sources.h"
#include "apps/files/atomic_file.h"
#include "apps/image/draw.h"
#include "apps/image/image.h"
#include "runtime/cudet.h"

namespace cudet::detect {

/// An image and its results.
struct Finished {
  const Source& source;
  Image& image;  // outputs may make it RGB; the one that draws on it must run last
  ImageFormat format;
  double load_ms;
  const Result& result;
  const RawOutput* raw;  // null if not requested
};

/// All functions throw Error with the path of the file that cannot be written. Results added before the error stay
/// valid.
class Output {
 public:
  virtual ~Output() = default;
  virtual void add(const Finished& finished) = 0;
  virtual void finish() {}  ///< Call once, last: moves the file to its final name.
  /// Whether each image has its own output file. If so, a failed write concerns only that image, and the run continues.
  virtual bool one_file_per_image() const { return false; }
};

/// --json: {"model", "images": [{"file", "width", "height", "ms", "detections"}]}, boxes in pixels of the image.
class JsonOutput : public Output {
 public:
  JsonOutput(const std::string& path, const std::string& model, std::vector<std::string> names);
  void add(const Finished& finished) override;
  void finish() override;

 private:
  AtomicFile file_;
  std::vector<std::string> names_;
  bool first_ = true;
};

/// --coco: the format of Ultralytics' save_json, [{"image_id", "file_name", "category_id", "bbox", "score"}]. image_id
/// is the file name without extension, as a number if it is all digits. category_id is COCO's own id if the model has
/// COCO's 80 class names, otherwise the class index plus one.
class CocoOutput : public Output {
 public:
  CocoOutput(const std::string& path, const std::vector<std::string>& names);
  void add(const Finished& finished) override;
  void finish() override;

 private:
  AtomicFile file_;
  bool is_coco_, first_ = true;
};

/// Returns a line that names two images of one image_id, or an empty text if all are different. Readers of --coco take
/// the detections of such images for those of one.
std::string describe_shared_ids(const std::vector<Source>& images);

/// --csv: one row per detection.
class CsvOutput : public Output {
 public:
  CsvOutput(const std::string& path, std::vector<std::string> names);
  void add(const Finished& finished) override;
  void finish() override;

 private:
  AtomicFile file_;
  std::vector<std::string> names_;
};

/// --txt: Ultralytics' label files, one line `class x y w h` per detection, with --save-conf also the confidence;
/// centre and size are fractions of the image size. As in Ultralytics, an image without detections gets no file. If a
/// file of an earlier run exists, it is emptied.
class TxtOutput : public Output {
 public:
  TxtOutput(std::string folder, bool confidences);  ///< creates the folder
  void add(const Finished& finished) override;
  bool one_file_per_image() const override { return true; }

 private:
  std::string folder_;
  bool confidences_;
};

/// --save-crop: Ultralytics' save_crop, FOLDER/CLASS/STEM.jpg per detection. A file that exists is kept, and the new
/// one is called STEM-2.jpg and so on. The image must not be drawn on yet.
class CropOutput : public Output {
 public:
  CropOutput(std::string folder, std::vector<std::string> names);  ///< creates the folder
  void add(const Finished& finished) override;
  bool one_file_per_image() const override { return true; }

 private:
  std::string next_path(const std::string& name, const std::string& stem);

  std::string folder_;
  std::vector<std::string> names_;
  std::unordered_map<std::string, int> numbers_;  // by class and stem: the last number in use
};

/// --dump-raw: a safetensors file with <stem>.output0 f32 (4 + classes, anchors) and <stem>.input_u8 (height, width, 3)
/// per image. add() writes the tensors at once; finish() writes the header into space that the constructor reserves at
/// the start of the file.
class RawOutputFile : public Output {
 public:
  RawOutputFile(const std::string& path, const std::vector<Source>& sources);
  void add(const Finished& finished) override;
  void finish() override;

 private:
  AtomicFile file_;
  std::string header_;
  std::size_t header_bytes_ = 0;  // reserved for the header
};

/// --out: copies of the images with boxes and labels drawn; JPEG for a JPEG source, otherwise PNG.
class ImageOutput : public Output {
 public:
  ImageOutput(std::string folder, std::vector<std::string> names);  ///< creates the folder
  void add(const Finished& finished) override;
  bool one_file_per_image() const override { return true; }

 private:
  std::string folder_;
  std::vector<std::string> names_;
  std::optional<Painter> painter_;  // for images of width_ x height_
  int width_ = 0, height_ = 0;
};

/// Creates a folder if it does not exist. Throws Error if files cannot be written there.
void prepare_folder(const std::string& folder);

}  // namespace cudet::detect
