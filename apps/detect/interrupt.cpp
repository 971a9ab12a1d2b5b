#include "apps/detect/interrupt.h"

#include <csignal>

namespace cudet::detect {
namespace {

std::atomic<bool> caught = false;  // global: a signal handler has no arguments of its own
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler sets it, another thread reads it");

extern "C" void on_signal(int) {
  caught.store(true);
}

}  // namespace

const std::atomic<bool>& catch_signals() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = static_cast<int>(SA_RESETHAND);  // the second signal has its default effect
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  ::sigaction(SIGHUP, &action, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);
  return caught;
}

}  // namespace cudet::detect
