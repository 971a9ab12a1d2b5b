// Aligned text columns, and number formats for them.
#pragma once
#include <iosfwd>
#include <string>
#include <vector>

namespace cudet::bench {

/// Formats a number with the given number of decimals: fixed(12.3, 2) is "12.30".
std::string fixed(double value, int decimals);
/// Formats a share in per cent: percent(0.123, 1) is "12.3 %".
std::string percent(double share, int decimals = 0);

/// Columns that are as wide as their widest cells.
class Columns {
 public:
  /// One title per column. A column is aligned left if its title starts with '<', which is not printed, otherwise
  /// right.
  explicit Columns(std::vector<std::string> titles);

  /// Adds a row with one cell per title.
  void add(std::vector<std::string> row);
  void print(std::ostream& out) const;

 private:
  std::vector<bool> left_;                      // aligned left
  std::vector<std::vector<std::string>> rows_;  // the titles first
};

}  // namespace cudet::bench
