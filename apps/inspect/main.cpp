// inspect prints the structure of a model and its cost in parameters, operations and memory.
#include "apps/inspect/command.h"

int main(int argc, char** argv) {
  return cudet::inspect::command(argc, argv);
}
