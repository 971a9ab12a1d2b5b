// Decodes JPEG with libjpeg-turbo, with the settings and the conversion of CMYK that OpenCV uses.
//
// libjpeg reports errors through a callback that must not return. Exceptions cannot pass through its C code, so the
// callback jumps back to guarded(). Between guarded() and the jump there are only frames of libjpeg and of the
// functions given to guarded(), which have no variables with destructors.
#include <csetjmp>
#include <cstdio>
#include <new>
// jpeglib.h needs stdio.h.
#include <jerror.h>
#include <jpeglib.h>

#include "apps/image/decoders.h"
#include "apps/image/exif.h"
#include "kernels/error.h"

namespace cudet {
namespace {

constexpr int kMaxScans = 100;  // progressive encoders write about ten
constexpr int kExifMarker = JPEG_APP0 + 1;

/// State of a decompression. The callbacks find it through jpeg_decompress_struct::client_data.
struct Decompression {
  jpeg_decompress_struct info{};
  jpeg_error_mgr errors{};
  jpeg_progress_mgr progress{};
  std::jmp_buf escape{};
  char error[JMSG_LENGTH_MAX] = "";    // the error that ended a step
  char warning[JMSG_LENGTH_MAX] = "";  // the first warning about damaged data
  bool out_of_memory = false;
  const unsigned char* data = nullptr;
  unsigned long size = 0;
  std::uint8_t* pixels = nullptr;  // of the image, rows of row_bytes
  std::size_t row_bytes = 0;
};

Decompression& state_of(j_common_ptr info) {
  return *static_cast<Decompression*>(info->client_data);
}

[[noreturn]] void fail(j_common_ptr info) {
  Decompression& state = state_of(info);
  state.out_of_memory = info->err->msg_code == JERR_OUT_OF_MEMORY;
  info->err->format_message(info, state.error);
  std::longjmp(state.escape, 1);
}

void note(j_common_ptr info, int level) {
  Decompression& state = state_of(info);
  if (level < 0 && info->err->num_warnings++ == 0) info->err->format_message(info, state.warning);
}

void limit_scans(j_common_ptr info) {
  Decompression& state = state_of(info);
  if (state.info.input_scan_number <= kMaxScans) return;
  std::snprintf(state.error, sizeof state.error, "more than %d scans: decoding would take too long", kMaxScans);
  std::longjmp(state.escape, 1);
}

/// Runs a step. Returns false if libjpeg reported an error, which is then in state.error.
bool guarded(Decompression& state, void (*step)(Decompression&)) {
  if (setjmp(state.escape) != 0) return false;
  step(state);
  return true;
}

void read_header(Decompression& state) {
  jpeg_create_decompress(&state.info);
  state.info.client_data = &state;
  state.info.progress = &state.progress;
  jpeg_mem_src(&state.info, state.data, state.size);
  jpeg_save_markers(&state.info, kExifMarker, 0xffff);
  jpeg_read_header(&state.info, TRUE);
}

void read_rows(Decompression& state) {
  jpeg_start_decompress(&state.info);
  while (state.info.output_scanline < state.info.output_height) {
    JSAMPROW row = state.pixels + state.info.output_scanline * state.row_bytes;
    jpeg_read_scanlines(&state.info, &row, 1);
  }
}

/// Reads rows of four inks and converts them to RGB or grey. Like OpenCV, takes the values for inverted inks, as Adobe
/// stores them.
void read_cmyk_rows(Decompression& state) {
  jpeg_start_decompress(&state.info);
  const bool grey = state.row_bytes == state.info.output_width;
  const JSAMPARRAY inks = state.info.mem->alloc_sarray(reinterpret_cast<j_common_ptr>(&state.info), JPOOL_IMAGE,
                                                       state.info.output_width * 4, 1);
  while (state.info.output_scanline < state.info.output_height) {
    std::uint8_t* out = state.pixels + state.info.output_scanline * state.row_bytes;
    jpeg_read_scanlines(&state.info, inks, 1);
    for (const std::uint8_t *ink = inks[0], *end = ink + std::size_t{4} * state.info.output_width; ink < end;
         ink += 4) {
      const int black = ink[3];
      int rgb[3];
      for (int k = 0; k < 3; ++k) rgb[k] = black - ((255 - ink[k]) * black >> 8);
      if (grey) {
        *out++ = grey_of(rgb[0], rgb[1], rgb[2]);
      } else {
        for (const int value : rgb) *out++ = static_cast<std::uint8_t>(value);
      }
    }
  }
}

void finish(Decompression& state) {
  jpeg_finish_decompress(&state.info);
}

int orientation_of(const jpeg_decompress_struct& info) {
  for (jpeg_saved_marker_ptr marker = info.marker_list; marker; marker = marker->next) {
    const Bytes data = std::as_bytes(std::span(marker->data, marker->data_length));
    if (marker->marker == kExifMarker && matches(data, 0, {"Exif\0\0", 6})) return exif_orientation(data.subspan(6));
  }
  return 1;
}

/// Owns a decompression and turns its errors into exceptions.
class JpegDecoder {
 public:
  explicit JpegDecoder(const DecodeRequest& request) : request_(request) {
    state_.info.err = jpeg_std_error(&state_.errors);
    state_.info.client_data = &state_;
    state_.errors.error_exit = fail;
    state_.errors.emit_message = note;
    state_.progress.progress_monitor = limit_scans;
    state_.data = reinterpret_cast<const unsigned char*>(request.file.data());
    state_.size = request.file.size();
  }
  ~JpegDecoder() { jpeg_destroy_decompress(&state_.info); }
  JpegDecoder(const JpegDecoder&) = delete;  // libjpeg holds pointers to the state
  JpegDecoder& operator=(const JpegDecoder&) = delete;

  StoredImage decode() {
    run(read_header);
    jpeg_decompress_struct& info = state_.info;
    request_.check_size(info.image_width, info.image_height);
    request_.check_alpha(false);
    const bool cmyk = info.num_components == 4;
    info.out_color_space = cmyk ? JCS_CMYK : request_.channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    StoredImage stored;
    stored.orientation = orientation_of(info);
    stored.image = Image(static_cast<int>(info.image_width), static_cast<int>(info.image_height), request_.channels);
    state_.pixels = stored.image.pixels.get();
    state_.row_bytes = static_cast<std::size_t>(stored.image.width) * request_.channels;
    run(cmyk ? read_cmyk_rows : read_rows);
    if (!guarded(state_, finish)) stored.damage = state_.error;  // after the last row; OpenCV ignores it too
    if (state_.warning[0] != '\0') stored.damage = state_.warning;
    return stored;
  }

 private:
  void run(void (*step)(Decompression&)) {
    if (guarded(state_, step)) return;
    if (state_.out_of_memory) throw std::bad_alloc();
    throw Error(request_.name + ": invalid JPEG: " + state_.error);
  }

  const DecodeRequest& request_;
  Decompression state_;
};

}  // namespace

StoredImage decode_jpeg(const DecodeRequest& request) {
  return JpegDecoder(request).decode();
}

}  // namespace cudet
