#include "apps/files/signals.h"

#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <utility>

namespace cudet {
namespace {

constexpr int kSignals[] = {SIGINT,  SIGTERM, SIGHUP,    SIGQUIT, SIGXCPU, SIGALRM,  SIGUSR1,
                            SIGUSR2, SIGPROF, SIGVTALRM, SIGPOLL, SIGPWR,  SIGSTKFLT};
constexpr int kMaxPartFiles = 32;  // open at once, that a signal removes

// Global, because a signal handler has no arguments of its own.
std::atomic<bool> caught = false, ending = false;
std::atomic<const char*> program = "cudet";
std::array<std::atomic<const char*>, kMaxPartFiles> part_files{};
static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<const char*>::is_always_lock_free,
              "signal handlers use them, and other threads");

/// Calls f(signal) for these signals and the real-time signals, which also end a program by default.
template <class F>
void for_signals(F f) {
  for (const int signal : kSignals) f(signal);
  for (int signal = SIGRTMIN; signal <= SIGRTMAX; ++signal) f(signal);
}

void install(int signal, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  ::sigaction(signal, &action, nullptr);
}

extern "C" void end_program(int signal) {
  ending.store(true);
  for (std::atomic<const char*>& slot : part_files)
    if (const char* path = slot.exchange(nullptr)) ::unlink(path);
  char line[64] = {};
  std::strncat(line, program.load(), sizeof line - 20);
  std::strcat(line, ": interrupted\n");
  pollfd ready{STDERR_FILENO, POLLOUT, 0};
  if (::poll(&ready, 1, 0) == 1)  // does not wait for a reader
    static_cast<void>(::write(STDERR_FILENO, line, std::strlen(line)) == 0);
  install(signal, SIG_DFL);
  ::raise(signal);  // takes effect when the handler returns
}

extern "C" void note_signal(int signal) {
  caught.store(true);
  install(signal, end_program);
}

/// Installs `handler` for each signal whose handler is `old`. Ignored signals stay ignored, and a profiler's handler
/// stays.
void replace_handlers(void (*old)(int), void (*handler)(int)) {
  for_signals([&](int signal) {
    struct sigaction before {};
    if (::sigaction(signal, nullptr, &before) == 0 && before.sa_handler == old) install(signal, handler);
  });
}

}  // namespace

void end_at_signals(const char* name) {
  program.store(name);
  replace_handlers(SIG_DFL, end_program);
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);
}

void finish_at_signals() {
  replace_handlers(end_program, note_signal);
}

const std::atomic<bool>& interrupted() {
  return caught;
}

BlockedSignals::BlockedSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  for_signals([&](int signal) { sigaddset(&signals, signal); });
  ::pthread_sigmask(SIG_BLOCK, &signals, &before_);
}

BlockedSignals::~BlockedSignals() {
  ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

PartFile::PartFile(std::string path) : path_(std::move(path)) {
  for (std::atomic<const char*>& slot : part_files) {
    const char* empty = nullptr;
    if (slot.compare_exchange_strong(empty, path_.c_str())) {
      slot_ = &slot;
      break;
    }
  }
  if (!ending) return;
  ::unlink(path_.c_str());  // a signal handler in another thread may not have seen the name
  for (;;) ::pause();
}

PartFile::~PartFile() {
  const bool remove = remove_;
  keep();
  if (remove && ::unlink(path_.c_str()) != 0 && errno != ENOENT)
    std::fprintf(stderr, "%s: cannot remove %s: %s\n", program.load(), path_.c_str(), std::strerror(errno));
}

void PartFile::keep() {
  remove_ = false;
  if (!slot_) return;
  const char* own = path_.c_str();
  // If the name is gone, a signal handler in another thread uses it and is about to end the program.
  if (!slot_->compare_exchange_strong(own, nullptr))
    for (;;) ::pause();
  slot_ = nullptr;
}

}  // namespace cudet
