// bench: how fast a network, its steps and its kernels run here.
#include "apps/bench/command.h"

int main(int argc, char** argv) {
  return cudet::bench::command(argc, argv);
}
