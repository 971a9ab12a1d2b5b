// convert: an Ultralytics checkpoint (.pt) or network table (.yaml) into cudet's model files.
#include "apps/convert/command.h"

int main(int argc, char** argv) {
  return cudet::convert::command(argc, argv);
}
