// Console output of detect: one line per image, errors, and a progress bar on a terminal.
#pragma once
#include <chrono>
#include <cstddef>
#include <string>

namespace cudet::detect {

class Console {
 public:
  /// `lines`: whether say() prints. `bar`: whether to draw the progress bar; it is drawn only for more than one image
  /// and if standard error is a terminal. `total`: number of images.
  Console(bool lines, bool bar, std::size_t total);
  ~Console();
  Console(const Console&) = delete;  // one object draws on the terminal
  Console& operator=(const Console&) = delete;

  /// Prints a line on standard output. Throws Error if it cannot be written.
  void say(const std::string& line);
  /// Prints "detect: " and the line, with control characters replaced, on standard error.
  void complain(const std::string& line);
  /// Updates the progress bar: `done` images of the total.
  void progress(std::size_t done);

 private:
  void clear_bar();
  void draw_bar();

  bool lines_, bar_;
  std::size_t total_, done_ = 0;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now(), drawn_;
  bool shown_ = false;
};

/// Returns a bar of `width` characters, followed by "12 of 40, 8.3 images/s, 3 s left". seconds: time since the start.
std::string progress_bar(std::size_t done, std::size_t total, double seconds, int width);

}  // namespace cudet::detect
