// Detects in many images of random sizes and pixel formats on eight threads, through the API alone. Each image is noise
// from its number, and every 97th is detected again by a detector of one thread, which must find the same boxes. Prints
// images per second and the memory in use; fails if a result differs, or if the allocated memory grows after the first
// fifth of the run by more than 256 KB or the resident memory by more than 4 MB.
// Usage: soak IMAGES MODEL.json
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <random>
#include <thread>

#include "runtime/cudet.h"

namespace {

constexpr int kThreads = 8, kEvery = 97, kDetectors = 3;

struct Noise {
  explicit Noise(unsigned number) {
    std::mt19937 random(number);
    constexpr cudet::PixelFormat kFormats[] = {cudet::PixelFormat::rgb, cudet::PixelFormat::bgra,
                                               cudet::PixelFormat::grey, cudet::PixelFormat::nv12};
    const cudet::PixelFormat format = kFormats[random() % std::size(kFormats)];
    const bool large = random() % 64 == 0;
    const int width = 1 + static_cast<int>(random() % (large ? 2000 : 200));
    const int height = 1 + static_cast<int>(random() % (large ? 2000 : 200));
    const bool planar = format == cudet::PixelFormat::nv12;
    const std::ptrdiff_t stride = (planar ? (width + 1) / 2 * 2 : width * channels(format)) + random() % 8;
    const auto rows = static_cast<std::size_t>(planar ? height + (height + 1) / 2 : height);
    pixels.resize(rows * static_cast<std::size_t>(stride));
    for (std::uint8_t& pixel : pixels) pixel = static_cast<std::uint8_t>(random());
    frame = {pixels.data(), width, height, stride, format};
  }
  std::vector<std::uint8_t> pixels;
  cudet::Frame frame;
};

bool equal(const cudet::Result& a, const cudet::Result& b) {
  return std::equal(a.detections.begin(), a.detections.end(), b.detections.begin(), b.detections.end(),
                    [](const cudet::Detection& x, const cudet::Detection& y) {
                      return x.x1 == y.x1 && x.y1 == y.y1 && x.x2 == y.x2 && x.y2 == y.y2 && x.score == y.score &&
                             x.class_id == y.class_id;
                    });
}

struct MemoryUse {
  long resident = 0, allocated = 0;  // KB
};
MemoryUse memory_use() {
  ::malloc_trim(0);
  long all = 0, pages = 0;
  std::ifstream("/proc/self/statm") >> all >> pages;
  const struct mallinfo2 heap = ::mallinfo2();
  return {pages * ::sysconf(_SC_PAGESIZE) >> 10, static_cast<long>((heap.uordblks + heap.hblkhd) >> 10)};
}

int soak(unsigned images, const char* path) {
  ::mallopt(M_MMAP_THRESHOLD, 128 << 10);  // glibc raises it by itself, and keeps what large blocks leave in each heap
  const cudet::Model model = cudet::Model::load(path);
  const cudet::DetectOptions options{.confidence = 0.001f};
  std::vector<cudet::Detector> shared;
  for (int i = 0; i < kDetectors; ++i) shared.emplace_back(model, cudet::DetectorOptions{.threads = 1 + i});
  unsigned end = 0;  // of the images to detect in now
  std::atomic<unsigned> next = 0, differ = 0, boxes = 0;
  const auto start = std::chrono::steady_clock::now();
  std::atomic<unsigned> errors = 0;
  const auto detect_all = [&] {
    for (unsigned number; (number = next++) < end;) {
      const Noise noise(number);
      const cudet::Result result = shared[number % kDetectors].detect(noise.frame, options);
      boxes += static_cast<unsigned>(result.detections.size());
      if (number % kEvery == 0) {
        cudet::Detector own(model, {.threads = 1});  // made and destroyed beside the others' work
        differ += !equal(own.detect(noise.frame, options), result);
      }
    }
  };
  const auto work = [&] {
    try {
      detect_all();
    } catch (const std::exception& error) {
      std::fprintf(stderr, "soak: %s\n", error.what());
      ++errors;
    }
  };
  const auto detect_until = [&](unsigned last) {
    next = end;
    end = last;
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i) threads.emplace_back(work);
    for (std::thread& thread : threads) thread.join();
    return memory_use();
  };
  const MemoryUse early = detect_until(images / 5), late = detect_until(images);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const bool grows = late.allocated > early.allocated + 256 || late.resident > early.resident + 4096;
  const bool failed = errors > 0 || differ > 0 || grows;
  std::printf("soak %s: %u images, %u boxes, %.0f images/s; %u images were repeated, %u gave other boxes\n",
              failed ? "FAILED" : "passed", images, boxes.load(), images / seconds, (images + kEvery - 1) / kEvery,
              differ.load());
  std::printf("memory allocated: %ld KB after a fifth, %ld KB at the end; resident: %ld KB, %ld KB\n", early.allocated,
              late.allocated, early.resident, late.resident);
  return failed ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  const long images = argc == 3 ? std::atol(argv[1]) : 0;
  if (images < 1 || images > 1'000'000'000) {
    std::fprintf(stderr, "usage: soak IMAGES MODEL.json\n");
    return 2;
  }
  try {
    return soak(static_cast<unsigned>(images), argv[2]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "soak: %s\n", error.what());
    return 2;
  }
}
