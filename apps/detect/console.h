// What people see: lines about pictures, errors, and a progress bar on a terminal.
#pragma once
#include <chrono>
#include <cstddef>
#include <string>

namespace cudet::detect {

class Console {
 public:
  /// `lines`: whether say() prints. `total`: pictures. The bar is for several of them, on a terminal.
  Console(bool lines, bool bar, std::size_t total);
  ~Console();
  Console(const Console&) = delete;  // there is one terminal
  Console& operator=(const Console&) = delete;

  void say(const std::string& line);       ///< to standard output. Throws Error where it is closed or full
  void complain(const std::string& line);  ///< to standard error, after "detect: ", control characters replaced
  void progress(std::size_t done);         ///< `done` of the total

 private:
  void clear_bar();
  void draw_bar();

  bool lines_, bar_;
  std::size_t total_, done_ = 0;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now(), drawn_;
  bool shown_ = false;
};

/// "12 of 40, 8.3 pictures/s, 3 s left" behind a bar of `width` characters. seconds: since the start.
std::string progress_bar(std::size_t done, std::size_t total, double seconds, int width);

}  // namespace cudet::detect
