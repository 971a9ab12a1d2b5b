// Reads and decodes the next pictures while the network runs on this one.
#pragma once
#include <atomic>
#include <condition_variable>
#include <deque>
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
  DecodedImage picture;
  double ms;          // it took to read and decode
  std::string error;  // a line, where it failed
};

/// A thread that works through the sources in order, at most `ahead` decoded pictures in front of next().
class Loader {
 public:
  /// `sources` and `interrupted` must outlive the loader. max_pixels: of a picture.
  Loader(const std::vector<Source>& sources, std::size_t max_pixels, std::size_t ahead,
         const std::atomic<bool>& interrupted);
  ~Loader();
  Loader(const Loader&) = delete;  // its thread knows where it is
  Loader& operator=(const Loader&) = delete;

  /// The next picture; nothing at the end, or once `interrupted` is true.
  std::optional<Loaded> next();

 private:
  void run();
  Loaded load(const Source& source) const;
  std::vector<std::byte> read(const Source& source) const;

  const std::vector<Source>& sources_;
  const std::size_t max_pixels_, ahead_;
  const std::atomic<bool>& interrupted_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Loaded> ready_;
  std::size_t given_ = 0;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

}  // namespace cudet::detect
