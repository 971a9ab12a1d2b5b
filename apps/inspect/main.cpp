// inspect prints the structure of a model and its cost in parameters, operations and memory.
#include "apps/cli/program.h"
#include "apps/inspect/command.h"

int main(int argc, char** argv) {
  return cudet::run_program("inspect", cudet::inspect::command, argc, argv);
}
