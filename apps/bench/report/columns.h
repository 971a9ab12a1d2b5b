// Text in columns as wide as what is in them.
#pragma once
#include <iosfwd>
#include <string>
#include <vector>

namespace cudet::bench {

/// A number with so many decimals: 12.30.
std::string fixed(double value, int decimals);
/// A share of 1, in per cent: 0.123 is "12.3 %" with one decimal.
std::string percent(double share, int decimals = 0);

class Columns {
 public:
  /// A title each; those that begin with '<' (not printed) are of words, which stand to the left.
  explicit Columns(std::vector<std::string> titles);

  /// A cell for each title.
  void add(std::vector<std::string> row);
  void print(std::ostream& out) const;

 private:
  std::vector<bool> left_;
  std::vector<std::vector<std::string>> rows_;  // the titles first
};

}  // namespace cudet::bench
