// Reads and decodes images in a background thread while the network runs on the current one.
#pragma once
#include <atomic>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "apps/detect/sources.h"
#include "apps/image/decode.h"

namespace cudet::detect {

struct Loaded {
  const Source* source;
  DecodedImage decoded;
  double ms;          // time to read and decode
  std::string error;  // one line; empty on success
};

/// A thread that reads the sources in order and holds at most `ahead` decoded images that next() has not returned yet.
class Loader {
 public:
  /// `sources` and `interrupted` must outlive the loader. max_pixels: maximum number of pixels per image.
  /// channels: of the decoded images.
  Loader(const std::vector<Source>& sources, std::size_t max_pixels, int channels, std::size_t ahead,
         const std::atomic<bool>& interrupted);
  ~Loader();
  Loader(const Loader&) = delete;  // its thread holds a pointer to it
  Loader& operator=(const Loader&) = delete;

  /// Waits for the next image. Returns nothing after the last one, or if `interrupted` is true. Throws std::bad_alloc
  /// if the thread had no memory even for an error.
  std::optional<Loaded> next();

 private:
  void run();
  Loaded load(const Source& source) const;
  std::vector<std::byte> read(const Source& source) const;

  const std::vector<Source>& sources_;
  const std::size_t max_pixels_, ahead_;
  const int channels_;
  const std::atomic<bool>& interrupted_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Loaded> ready_;
  std::size_t given_ = 0;
  std::exception_ptr failure_;  // it ended the thread
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

}  // namespace cudet::detect
