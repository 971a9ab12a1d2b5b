// The output of --save-crop.
#include <algorithm>
#include <cstring>
#include <filesystem>

#include "apps/detect/outputs.h"
#include "apps/image/encode.h"

namespace cudet::detect {
namespace {

namespace fs = std::filesystem;

/// A class name as the name of one folder: names come from files of others and must not lead out of the crops' folder.
std::string folder_name(std::string name) {
  for (char& c : name)
    if (c == '/' || static_cast<unsigned char>(c) < ' ' || c == '\x7f') c = '_';
  if (name.empty() || name == "." || name == "..") name.insert(0, 1, '_');
  return name;
}

/// First and last pixel, exclusive, of a crop along one axis: the side times 1.02 plus 10 pixels, clipped to the image.
/// Computed in float and truncated, as Ultralytics' save_one_box does.
struct Span {
  int first, last;
};
Span grow(float low, float high, int size) {
  constexpr float kGain = 1.02f, kPad = 10;
  const float centre = (low + high) / 2, half = ((high - low) * kGain + kPad) / 2;
  const auto pixel = [&](float at) {  // a float can be rounded up to more than a large size
    return at > 0 ? std::min(size, static_cast<int>(std::min(at, static_cast<float>(size)))) : 0;
  };
  return {pixel(centre - half), pixel(centre + half)};
}

}  // namespace

CropOutput::CropOutput(std::string folder, std::vector<std::string> names)
    : folder_(std::move(folder)), names_(std::move(names)) {
  prepare_folder(folder_);
}

void CropOutput::add(const Finished& finished) {
  constexpr int kQuality = 95;  // above 90 the encoder does not subsample chroma
  Image& image = finished.image;
  for (const Detection& d : finished.result.detections) {
    const Span x = grow(d.x1, d.x2, image.width), y = grow(d.y1, d.y2, image.height);
    if (x.first >= x.last || y.first >= y.last) continue;  // also boxes that are not a number
    if (image.channels != 3) image = to_rgb(image);
    Image crop(x.last - x.first, y.last - y.first);
    for (int row = 0; row < crop.height; ++row)
      std::memcpy(crop.at(0, row), image.at(x.first, y.first + row), std::size_t{3} * crop.width);
    const std::vector<std::byte> jpeg = encode_jpeg(crop, kQuality);
    for (bool written = false; !written;) {  // another program may create the file in between
      AtomicFile file(next_path(folder_name(names_.at(d.class_id)), finished.source.stem));
      file.write(jpeg);
      written = file.commit_new();
    }
  }
}

std::string CropOutput::next_path(const std::string& name, const std::string& stem) {
  const fs::path folder = fs::path(folder_) / name;
  prepare_folder(folder.string());
  int& number = numbers_[name + "/" + stem];
  for (;;) {
    ++number;
    const fs::path path = folder / (stem + (number > 1 ? "-" + std::to_string(number) : "") + ".jpg");
    std::error_code ignored;
    if (!fs::exists(fs::symlink_status(path, ignored))) return path.string();
  }
}

}  // namespace cudet::detect
