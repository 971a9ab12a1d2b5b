// bench measures how fast a network, its steps and single operators run on this machine.
#include <csignal>

#include "apps/bench/command.h"
#include "apps/cli/standard_streams.h"

int main(int argc, char** argv) {
  cudet::open_standard_streams();
  // Report a closed pipe and a file size limit as write errors, as for a full disk.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  return cudet::bench::command(argc, argv);
}
