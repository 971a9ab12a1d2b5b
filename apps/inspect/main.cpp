// inspect: what a model is made of and what it costs.
#include "apps/inspect/command.h"

int main(int argc, char** argv) {
  return cudet::inspect::command(argc, argv);
}
