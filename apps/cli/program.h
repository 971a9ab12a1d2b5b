// What the main functions of all programs have in common.
#pragma once

namespace cudet {

/// The exit status of a program that did not do its work.
constexpr int kNotDone = 2;

/// Runs `body`, the program `name`, and returns its exit status. Before that, opens /dev/null for each standard stream
/// that is closed (otherwise the next file that the program opens would get that descriptor, and the text for the
/// stream would be written to the file) and calls end_at_signals(). An exception of `body` is one line on standard
/// error and kNotDone, as is output that cannot be written if `body` returns 0.
int run_program(const char* name, int (*body)(int argc, char** argv), int argc, char** argv);

}  // namespace cudet
