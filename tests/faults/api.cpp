// Makes each allocation of a small use of the API fail in turn, alone and with all later ones, each in a process of its
// own: loads a model, makes a detector, and detects in one image, in two batches of other sizes, by submit() and
// collect(), and in two threads. What fails must throw Error or std::bad_alloc; the same call without a fault must then
// succeed, and all results must be the same as without one. Prints each run that breaks this, and
// "N passed, N failed, 0 skipped".
// Usage: faults POINTS MODEL.json... (POINTS: allocations of load() and of the rest that fail, for each model; 0: all)
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <new>
#include <thread>
#include <vector>

#include "runtime/cudet.h"

namespace {

std::atomic<bool> active = false;
std::atomic<long> calls = 0;
long first = 0;  // the call that fails; 0: none
bool from_then_on = false;

bool fails() {
  if (!active) return false;
  const long call = ++calls;
  if (first == 0 || !(call == first || (from_then_on && call > first))) return false;
  errno = ENOMEM;
  return true;
}

}  // namespace

// These replace glibc's functions in the whole process. They call glibc's under its own names, because looking those up
// with dlsym() would allocate.
#pragma GCC visibility push(default)
extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);

void* malloc(std::size_t bytes) {
  return fails() ? nullptr : __libc_malloc(bytes);
}
void* calloc(std::size_t count, std::size_t bytes) {
  return fails() ? nullptr : __libc_calloc(count, bytes);
}
void* realloc(void* old, std::size_t bytes) {
  return fails() ? nullptr : __libc_realloc(old, bytes);
}
void* aligned_alloc(std::size_t alignment, std::size_t bytes) {
  return fails() ? nullptr : __libc_memalign(alignment, bytes);
}
int posix_memalign(void** out, std::size_t alignment, std::size_t bytes) {
  if (fails()) return ENOMEM;
  *out = __libc_memalign(alignment, bytes);
  return *out ? 0 : ENOMEM;
}
}
#pragma GCC visibility pop

namespace {

constexpr int kSeconds = 60;  // for one run

/// What the process of a run tells the one that started it.
struct Told {
  long loading, calls;  // allocations of Model::load(), and all
  std::uint64_t results;
};

/// Calls `act`, and again without faults if it throws what the API may throw.
template <class Act>
auto attempt(const Act& act) {
  try {
    return act();
  } catch (const cudet::Error&) {
  } catch (const std::bad_alloc&) {
  }
  active = false;
  return act();
}

class Noise {
 public:
  Noise() {
    for (unsigned i = 0; i < sizeof pixels_; ++i) pixels_[i] = static_cast<std::uint8_t>(i * 2654435761u >> 24);
  }
  cudet::Frame frame(int width, int height) const {
    return {pixels_, width, height, 3 * width, cudet::PixelFormat::rgb};
  }

 private:
  std::uint8_t pixels_[3 * 96 * 96];
};

/// A number that depends on each bit of the results that it is given.
class Digest {
 public:
  void add(const cudet::Result& result) {
    add(result.detections.size());
    for (const cudet::Detection& d : result.detections) {
      for (const float value : {d.x1, d.y1, d.x2, d.y2, d.score}) add(value);
      add(static_cast<std::uint64_t>(d.class_id));
    }
  }
  void add(const std::vector<cudet::Result>& results) {
    for (const cudet::Result& result : results) add(result);
  }
  void add(const cudet::RawOutput& raw) {
    for (const float value : raw.values) add(value);
  }
  std::uint64_t value() const { return value_; }

 private:
  void add(float value) { add(std::uint64_t{std::bit_cast<std::uint32_t>(value)}); }
  void add(std::uint64_t value) { value_ = (value_ ^ value) * 0x100000001b3; }

  std::uint64_t value_ = 0xcbf29ce484222325;
};

void use_api(const char* path, Told& told) {
  const cudet::DetectOptions options{.confidence = 0.001f, .max_detections = 20};
  const Noise noise;
  const cudet::Frame single = noise.frame(64, 48), batch[] = {noise.frame(96, 64), noise.frame(40, 96)};
  Digest digest;
  active = true;
  const cudet::Model model = attempt([&] { return cudet::Model::load(path); });
  told.loading = calls;
  cudet::Detector detector =
      attempt([&] { return cudet::Detector(model, {.device = cudet::Device::cpu, .threads = 2}); });
  digest.add(attempt([&] { return detector.detect(single, options); }));
  std::vector<cudet::RawOutput> raw;
  digest.add(attempt([&] { return detector.detect(batch, options, &raw); }));
  for (const cudet::RawOutput& output : raw) digest.add(output);
  digest.add(attempt([&] {
    detector.submit({batch, 1}, options);
    return detector.collect();
  }));

  cudet::Result results[2];
  std::atomic<bool> started = false;
  const bool faults = active.exchange(false);  // not in the threads' own allocations
  std::thread threads[2];
  for (int i = 0; i < 2; ++i)
    threads[i] = std::thread([&, i] {
      started.wait(false);
      results[i] = attempt([&] { return detector.detect(i == 0 ? single : batch[1], options); });
    });
  active = faults;
  started = true;
  started.notify_all();
  for (std::thread& thread : threads) thread.join();
  active = false;
  for (const cudet::Result& result : results) digest.add(result);
  told.calls = calls;
  told.results = digest.value();
}

/// Runs use_api() in a process of its own. Returns whether it ended well, and prints why not.
bool run(const char* path, long at, bool on, Told& told) {
  std::fflush(stdout);
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(kSeconds);
    first = at;
    from_then_on = on;
    int status = 0;
    try {
      use_api(path, told);
    } catch (const std::exception& error) {
      const char* when = active ? "neither Error nor bad_alloc" : "without a fault";
      active = false;
      std::printf("%s, allocation %ld%s: %s: %s\n", path, at, on ? " and later" : "", when, error.what());
      std::fflush(stdout);
      status = 1;
    }
    ::_exit(status);
  }
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child) {
    std::perror("faults");
    std::exit(2);
  }
  if (WIFSIGNALED(status))
    std::printf("%s, allocation %ld%s: signal %d\n", path, at, on ? " and later" : "", WTERMSIG(status));
  return status == 0;
}

/// The same with a fault, and the results must be those of a run without one.
bool run_equals(const char* path, long at, bool on, const Told& plain, Told& told) {
  told.results = 0;
  if (!run(path, at, on, told)) return false;
  if (told.results == plain.results) return true;
  std::printf("%s, allocation %ld%s: other results\n", path, at, on ? " and later" : "");
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  const long points = argc > 2 ? std::atol(argv[1]) : -1;
  if (points < 0) {
    std::fprintf(stderr, "usage: faults POINTS MODEL.json...\n");
    return 2;
  }
  void* memory = ::mmap(nullptr, sizeof(Told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    std::perror("faults");
    return 2;
  }
  Told& told = *new (memory) Told{};
  long passed = 0, failed = 0;
  for (int i = 2; i < argc; ++i) {
    if (!run(argv[i], 0, false, told)) return 2;
    const Told plain = told;
    const auto sweep = [&](long begin, long end) {
      const long step = points == 0 ? 1 : std::max(1L, (end - begin + points - 1) / points);
      for (long at = begin; at < end; at += step)
        for (const bool on : {false, true}) ++(run_equals(argv[i], at, on, plain, told) ? passed : failed);
    };
    sweep(1, plain.loading + 1);
    sweep(plain.loading + 1, plain.calls + 1);
    std::printf("API with %s: %ld allocations, %ld of them in load()\n", argv[i], plain.calls, plain.loading);
  }
  std::printf("%ld passed, %ld failed, 0 skipped\n", passed, failed);
  return failed > 0 ? 1 : 0;
}
