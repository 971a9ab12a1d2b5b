// Where results go: one Output for each kind that was asked for.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "apps/detect/sources.h"
#include "apps/files/atomic_file.h"
#include "apps/image/draw.h"
#include "apps/image/image.h"
#include "runtime/cudet.h"

namespace cudet::detect {

/// A picture with all that is known of it.
struct Finished {
  const Source& source;
  Image& image;  // whoever draws on it comes last
  ImageFormat format;
  double load_ms;
  const Result& result;
  const RawOutput* raw;  // null unless asked for
};

/// Errors of all functions are Error with the file that cannot be written. What was added before one stays good.
class Output {
 public:
  virtual ~Output() = default;
  virtual void add(const Finished& picture) = 0;
  virtual void finish() {}  ///< once, last: what was added gets in place
  /// Whether every picture has a file of its own here, so that one that cannot be written is that picture's failure
  /// alone.
  virtual bool file_a_picture() const { return false; }
};

/// --json: {"model", "images": [{"file", "width", "height", "ms", "detections"}]}, boxes in pixels of the picture.
class JsonOutput : public Output {
 public:
  JsonOutput(const std::string& path, const std::string& model, std::vector<std::string> names);
  void add(const Finished& picture) override;
  void finish() override;

 private:
  AtomicFile file_;
  std::vector<std::string> names_;
  bool first_ = true;
};

/// --coco: what Ultralytics' save_json writes, [{"image_id", "file_name", "category_id", "bbox", "score"}]: the id is
/// the number that the file's name is, else the name; categories are COCO's own for its 80 names, else the index plus
/// one.
class CocoOutput : public Output {
 public:
  CocoOutput(const std::string& path, const std::vector<std::string>& names);
  void add(const Finished& picture) override;
  void finish() override;

 private:
  AtomicFile file_;
  bool is_coco_, first_ = true;
};

/// --csv: a row a detection.
class CsvOutput : public Output {
 public:
  CsvOutput(const std::string& path, std::vector<std::string> names);
  void add(const Finished& picture) override;
  void finish() override;

 private:
  AtomicFile file_;
  std::vector<std::string> names_;
};

/// --txt: Ultralytics' label files, `class x y w h confidence` a line, centre and size as shares of the picture. As
/// there, a picture without detections has none; but one that was there before, as of an earlier run, becomes empty.
class TxtOutput : public Output {
 public:
  explicit TxtOutput(std::string folder);  ///< makes the folder
  void add(const Finished& picture) override;
  bool file_a_picture() const override { return true; }

 private:
  std::string folder_;
};

/// --dump-raw: for each picture <stem>.output0 f32 (4 + classes, anchors) and <stem>.input_u8 (height, width, 3),
/// written as they come: in front there is room for the header, which is put there at the end.
class RawOutputFile : public Output {
 public:
  RawOutputFile(const std::string& path, const std::vector<Source>& sources);
  void add(const Finished& picture) override;
  void finish() override;

 private:
  AtomicFile file_;
  std::string header_;
  std::size_t room_ = 0;  // bytes for the header
};

/// --out: the pictures with boxes and labels; a JPEG stays one, others become PNG.
class PictureOutput : public Output {
 public:
  PictureOutput(std::string folder, std::vector<std::string> names);  ///< makes the folder
  void add(const Finished& picture) override;
  bool file_a_picture() const override { return true; }

 private:
  std::string folder_;
  std::vector<std::string> names_;
  std::optional<Painter> painter_;  // for pictures of the last one's size
  int width_ = 0, height_ = 0;
};

/// Makes a folder where there is none. Throws Error unless files can be written there.
void prepare_folder(const std::string& folder);

}  // namespace cudet::detect
