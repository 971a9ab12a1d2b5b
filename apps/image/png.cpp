// Decodes PNG with libpng, with the transformations that OpenCV asks it for.
//
// libpng reports errors through a callback that must not return. Exceptions cannot pass through its C code, so the
// callback jumps back to guarded(). Between guarded() and the jump there are only frames of libpng and of the functions
// given to guarded(), which have no variables with destructors.
#include <png.h>

#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <new>

#include "apps/image/decoders.h"
#include "apps/image/exif.h"
#include "kernels/error.h"

namespace cudet {
namespace {

/// State of a decompression; the callbacks get a pointer to it.
struct Decompression {
  png_structp png = nullptr;
  png_infop info = nullptr, end = nullptr;
  std::jmp_buf escape{};
  char error[200] = "", damage[200] = "";
  bool out_of_memory = false, too_long = false;  // why the last allocation failed
  std::size_t max_allocation = 0;
  Bytes rest;  // of the file
  int channels = 3;
  int passes = 1;                  // over the rows; 7 if interlaced
  std::uint8_t* pixels = nullptr;  // of the image, rows of row_bytes
  std::size_t row_bytes = 0;
};

[[noreturn]] void fail(png_structp png, png_const_charp text) {
  Decompression& state = *static_cast<Decompression*>(png_get_error_ptr(png));
  std::snprintf(state.error, sizeof state.error, "%s", text);
  std::longjmp(state.escape, 1);
}

/// Keeps the first warning that tells of damage. Others are of profiles and texts that are not needed.
void note(png_structp png, png_const_charp text) {
  Decompression& state = *static_cast<Decompression*>(png_get_error_ptr(png));
  const bool damage = std::strstr(text, "CRC error") || std::strncmp(text, "IDAT", 4) == 0;
  if (damage && state.damage[0] == '\0') std::snprintf(state.damage, sizeof state.damage, "%s", text);
}

/// libpng allocates the length that a chunk states before it reads the chunk, so lengths beyond the file are refused.
png_voidp allocate(png_structp png, png_alloc_size_t size) {
  Decompression& state = *static_cast<Decompression*>(png_get_mem_ptr(png));
  state.too_long = size > state.max_allocation;
  void* memory = state.too_long ? nullptr : std::malloc(size);
  if (!memory && !state.too_long) state.out_of_memory = true;
  return memory;
}

void release(png_structp, png_voidp memory) {
  std::free(memory);
}

void read(png_structp png, png_bytep to, std::size_t size) {
  Decompression& state = *static_cast<Decompression*>(png_get_io_ptr(png));
  if (size > state.rest.size()) png_error(png, "the file is truncated");
  std::memcpy(to, state.rest.data(), size);
  state.rest = state.rest.subspan(size);
}

/// Runs a step. Returns false if libpng reported an error, which is then in state.error.
bool guarded(Decompression& state, void (*step)(Decompression&)) {
  if (setjmp(state.escape) != 0) return false;
  step(state);
  return true;
}

void read_header(Decompression& state) {
  state.png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, &state, fail, note, &state, allocate, release);
  if (!state.png) std::longjmp(state.escape, 1);
  state.info = png_create_info_struct(state.png);
  state.end = png_create_info_struct(state.png);
  if (!state.info || !state.end) std::longjmp(state.escape, 1);
  png_set_user_limits(state.png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);  // the number of pixels is limited instead
  png_set_read_fn(state.png, &state, read);
  png_read_info(state.png, state.info);
}

/// Chooses the transformations to 8-bit grey, RGB or BGRA.
void transform(Decompression& state) {
  const png_structp png = state.png;
  const int type = png_get_color_type(png, state.info);
  const bool coloured = (type & PNG_COLOR_MASK_COLOR) != 0;
  png_set_strip_16(png);
  if (state.channels < 4) {
    png_set_strip_alpha(png);
  } else {
    png_set_tRNS_to_alpha(png);
  }
  if (type == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png);
  if (!coloured) png_set_expand_gray_1_2_4_to_8(png);
  if (state.channels == 1) {
    constexpr int kSilently = 1;
    constexpr double kRed = 0.299, kGreen = 0.587;
    png_set_rgb_to_gray(png, kSilently, kRed, kGreen);
  } else if (!coloured) {
    png_set_gray_to_rgb(png);
  } else if (state.channels == 4) {
    png_set_bgr(png);
  }
  state.passes = png_set_interlace_handling(png);
  png_read_update_info(png, state.info);
  if (png_get_rowbytes(png, state.info) != state.row_bytes) png_error(png, "unexpected number of channels");
}

void read_rows(Decompression& state) {
  transform(state);
  const std::size_t height = png_get_image_height(state.png, state.info);
  for (int pass = 0; pass < state.passes; ++pass)
    for (std::size_t y = 0; y < height; ++y) png_read_row(state.png, state.pixels + y * state.row_bytes, nullptr);
}

void read_end(Decompression& state) {
  png_read_end(state.png, state.end);
}

/// Owns a decompression and turns its errors into exceptions.
class PngDecoder {
 public:
  explicit PngDecoder(const DecodeRequest& request) : request_(request) {
    state_.rest = request.file;
    state_.max_allocation = request.file.size() + kOwnMemory;
    state_.channels = request.channels;
  }
  ~PngDecoder() { png_destroy_read_struct(&state_.png, &state_.info, &state_.end); }
  PngDecoder(const PngDecoder&) = delete;  // libpng holds pointers to the state
  PngDecoder& operator=(const PngDecoder&) = delete;

  StoredImage decode() {
    run(read_header);
    const std::size_t width = png_get_image_width(state_.png, state_.info);
    const std::size_t height = png_get_image_height(state_.png, state_.info);
    request_.check_size(width, height);
    request_.check_alpha(has_alpha());
    StoredImage stored;
    stored.image = Image(static_cast<int>(width), static_cast<int>(height), request_.channels);
    state_.pixels = stored.image.pixels.get();
    state_.max_allocation += width * 16;  // libpng has rows of up to four channels of 16 bits
    state_.row_bytes = width * request_.channels;
    run(read_rows);
    // The checksum of the last chunk, which has no data, does not matter.
    if (!guarded(state_, read_end) && std::strcmp(state_.error, "IEND: CRC error") != 0) throw_error();
    stored.orientation = orientation();
    stored.damage = state_.error[0] != '\0' ? state_.error : state_.damage;
    return stored;
  }

 private:
  static constexpr std::size_t kOwnMemory = 16 << 20;  // for libpng's state, and texts, which it limits to 8 MB

  /// As OpenCV: an alpha channel, or transparent colours of a palette or of RGB, but not of grey.
  bool has_alpha() const {
    const int type = png_get_color_type(state_.png, state_.info);
    const bool transparent = png_get_valid(state_.png, state_.info, PNG_INFO_tRNS) != 0;
    return (type & PNG_COLOR_MASK_ALPHA) != 0 || ((type & PNG_COLOR_MASK_COLOR) != 0 && transparent);
  }

  int orientation() const {
    for (const png_infop info : {state_.info, state_.end}) {  // before or after the image data
      png_uint_32 size = 0;
      png_bytep exif = nullptr;
      if (png_get_eXIf_1(state_.png, info, &size, &exif) != 0)
        return exif_orientation(std::as_bytes(std::span(exif, size)));
    }
    return 1;
  }

  void run(void (*step)(Decompression&)) {
    if (!guarded(state_, step)) throw_error();
  }
  [[noreturn]] void throw_error() const {
    if (state_.out_of_memory || !state_.png) throw std::bad_alloc();
    throw Error(request_.name +
                ": invalid PNG: " + (state_.too_long ? "a chunk is longer than the file" : state_.error));
  }

  const DecodeRequest& request_;
  Decompression state_;
};

}  // namespace

StoredImage decode_png(const DecodeRequest& request) {
  return PngDecoder(request).decode();
}

}  // namespace cudet
