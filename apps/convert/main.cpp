// convert: converts an Ultralytics checkpoint (.pt) or network table (.yaml) to the model files of cudet.
#include "apps/cli/program.h"
#include "apps/convert/command.h"

int main(int argc, char** argv) {
  return cudet::run_program("convert", cudet::convert::command, argc, argv);
}
