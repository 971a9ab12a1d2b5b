// The outputs of --csv, --txt and --out.
#include "apps/detect/outputs.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include "apps/detect/format.h"
#include "apps/image/encode.h"
#include "kernels/error.h"

namespace cudet::detect {

CsvOutput::CsvOutput(const std::string& path, std::vector<std::string> names) : file_(path), names_(std::move(names)) {
  file_.write("file,class,name,score,x1,y1,x2,y2\n");
}

void CsvOutput::add(const Finished& finished) {
  std::string rows;
  for (const Detection& d : finished.result.detections) {
    rows +=
        csv_field(finished.source.name()) + "," + std::to_string(d.class_id) + "," + csv_field(names_.at(d.class_id));
    for (const float value : {d.score, d.x1, d.y1, d.x2, d.y2}) rows.append(",").append(json_number(value));
    rows.append("\n");
  }
  file_.write(rows);
}

void CsvOutput::finish() {
  file_.commit();
}

TxtOutput::TxtOutput(std::string folder, bool confidences) : folder_(std::move(folder)), confidences_(confidences) {
  prepare_folder(folder_);
}

void TxtOutput::add(const Finished& finished) {
  const std::string path = (std::filesystem::path(folder_) / (finished.source.stem + ".txt")).string();
  std::error_code ignored;
  if (finished.result.detections.empty() && !std::filesystem::exists(path, ignored)) return;
  const auto width = static_cast<float>(finished.image.width), height = static_cast<float>(finished.image.height);
  std::string lines;
  for (const Detection& d : finished.result.detections) {
    char line[128];
    std::snprintf(line, sizeof line, "%d %g %g %g %g", d.class_id, (d.x1 + d.x2) / 2 / width,
                  (d.y1 + d.y2) / 2 / height, (d.x2 - d.x1) / width, (d.y2 - d.y1) / height);
    lines += line;
    if (confidences_) std::snprintf(line, sizeof line, " %g", d.score);
    lines += confidences_ ? std::string(line) + "\n" : "\n";
  }
  AtomicFile file(path);
  file.write(lines);
  file.commit();
}

ImageOutput::ImageOutput(std::string folder, std::vector<std::string> names)
    : folder_(std::move(folder)), names_(std::move(names)) {
  prepare_folder(folder_);
}

void ImageOutput::add(const Finished& finished) {
  Image& image = finished.image;
  if (image.channels != 3) image = to_rgb(image);
  if (!painter_ || width_ != image.width || height_ != image.height) {
    painter_.emplace(image.width, image.height);
    width_ = image.width, height_ = image.height;
  }
  const std::vector<Detection>& detections = finished.result.detections;
  for (auto d = detections.rbegin(); d != detections.rend(); ++d)  // highest score on top
    painter_->box(image, {d->x1, d->y1, d->x2, d->y2}, class_colour(d->class_id));
  for (auto d = detections.rbegin(); d != detections.rend(); ++d) {
    char score[16];
    std::snprintf(score, sizeof score, " %.2f", d->score);
    painter_->label(image, {d->x1, d->y1, d->x2, d->y2}, names_.at(d->class_id) + score, class_colour(d->class_id));
  }
  constexpr int kQuality = 92;  // above 90 the encoder does not subsample chroma
  const bool jpeg = finished.format == ImageFormat::jpeg;
  const std::string name = finished.source.stem + (jpeg ? ".jpg" : ".png");
  const std::string path = (std::filesystem::path(folder_) / name).string();
  if (!jpeg && std::max(image.width, image.height) > kMaxPngSide)
    throw Error(path + ": PNG files have at most " + std::to_string(kMaxPngSide) + " pixels per side");
  AtomicFile file(path);
  file.write(jpeg ? encode_jpeg(image, kQuality) : encode_png(image));
  file.commit();
}

void prepare_folder(const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  std::error_code ignored;
  if (error && !std::filesystem::is_directory(folder, ignored))
    throw Error(folder + ": cannot create the folder: " + error.message());
  if (::access(folder.c_str(), W_OK | X_OK) != 0)
    throw Error(folder + ": cannot write to the folder: " + std::generic_category().message(errno));
}

}  // namespace cudet::detect
