// bench: how fast a network, its steps and its kernels run here.
#include <csignal>

#include "apps/bench/command.h"
#include "apps/cli/standard_streams.h"

int main(int argc, char** argv) {
  cudet::open_standard_streams();
  // A closed pipe and the largest size of a file are errors like a full disk.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  return cudet::bench::command(argc, argv);
}
