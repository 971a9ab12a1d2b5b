// Makes sure that standard input, output and error are open.
#pragma once

namespace cudet {

/// Opens /dev/null for each standard stream that is closed. Otherwise the next file that the program opens would get
/// that descriptor, and the text for the stream would be written to the file.
void open_standard_streams();

}  // namespace cudet
