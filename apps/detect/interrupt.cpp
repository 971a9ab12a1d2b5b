#include "apps/detect/interrupt.h"

#include <csignal>

namespace cudet::detect {
namespace {

std::atomic<bool> caught = false;  // a handler can reach nothing but globals
static_assert(std::atomic<bool>::is_always_lock_free, "a handler may set it, and another thread read it");

extern "C" void on_signal(int) {
  caught.store(true);
}

}  // namespace

const std::atomic<bool>& catch_signals() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = static_cast<int>(SA_RESETHAND);  // the second one has its usual effect
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  ::sigaction(SIGHUP, &action, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);
  return caught;
}

}  // namespace cudet::detect
