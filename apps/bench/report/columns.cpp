#include "apps/bench/report/columns.h"

#include <algorithm>
#include <iomanip>
#include <ostream>
#include <sstream>

namespace cudet::bench {
namespace {

/// Number of characters in UTF-8 text.
std::size_t count_characters(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

}  // namespace

std::string fixed(double value, int decimals) {
  std::ostringstream text;
  text.exceptions(std::ios::badbit);  // an allocation that fails throws; otherwise the text would be cut
  text << std::fixed << std::setprecision(decimals) << value;
  return text.str();
}

std::string percent(double share, int decimals) {
  return fixed(share * 100, decimals) + " %";
}

Columns::Columns(std::vector<std::string> titles) {
  for (std::string& title : titles) {
    left_.push_back(title.starts_with('<'));
    if (left_.back()) title.erase(0, 1);
  }
  rows_.push_back(std::move(titles));
}

void Columns::add(std::vector<std::string> row) {
  row.resize(left_.size());
  rows_.push_back(std::move(row));
}

void Columns::print(std::ostream& out) const {
  std::vector<std::size_t> widths(left_.size(), 0);
  for (const std::vector<std::string>& row : rows_)
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], count_characters(row[i]));
  for (const std::vector<std::string>& row : rows_) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string space(widths[i] - count_characters(row[i]), ' ');
      line += (i > 0 ? "  " : "") + (left_[i] ? row[i] + space : space + row[i]);
    }
    out << line.substr(0, line.find_last_not_of(' ') + 1) << "\n";
  }
}

}  // namespace cudet::bench
