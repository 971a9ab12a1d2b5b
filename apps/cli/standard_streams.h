// Standard input, output and error as programs find them.
#pragma once

namespace cudet {

/// Opens /dev/null for each that is closed: the next file to be opened would take its place, and its lines.
void open_standard_streams();

}  // namespace cudet
