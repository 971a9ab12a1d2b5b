// bench measures how fast a network, its steps and single operators run on this machine.
#include "apps/bench/command.h"
#include "apps/cli/program.h"

int main(int argc, char** argv) {
  return cudet::run_program("bench", cudet::bench::command, argc, argv);
}
