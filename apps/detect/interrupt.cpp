#include "apps/detect/interrupt.h"

#include <csignal>

namespace cudet {
namespace {

volatile std::sig_atomic_t caught = 0;  // a handler can reach nothing but globals

extern "C" void on_signal(int) {
  caught = 1;
}

}  // namespace

void catch_signals() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = static_cast<int>(SA_RESETHAND);  // the second one has its usual effect
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
}

bool interrupted() {
  return caught != 0;
}

}  // namespace cudet
