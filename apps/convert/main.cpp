// convert: converts an Ultralytics checkpoint (.pt) or network table (.yaml) to the model files of cudet.
#include "apps/convert/command.h"

int main(int argc, char** argv) {
  return cudet::convert::command(argc, argv);
}
