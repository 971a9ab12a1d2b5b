// The Programs that an engine keeps: those that it used last.
#pragma once
#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "runtime/program.h"

namespace cudet {

/// `Kept` is a Program, and what its engine made of it.
template <class Kept>
class RecentPrograms {
 public:
  /// The one of this batch and input size, now the one used last; null where there is none.
  Kept* find(int batch, Extent size) {
    const auto known = std::find_if(programs_.begin(), programs_.end(), [&](const auto& p) {
      return p->batch == batch && p->input_size.h == size.h && p->input_size.w == size.w;
    });
    if (known == programs_.end()) return nullptr;
    std::rotate(programs_.begin(), known, known + 1);  // most recently used first
    return programs_.front().get();
  }
  /// Adds one that find() does not know; where there is no room, the one unused for longest goes.
  Kept& add(std::unique_ptr<Kept> program) {
    if (programs_.size() == kMost) programs_.pop_back();
    programs_.insert(programs_.begin(), std::move(program));
    return *programs_.front();
  }
  void clear() { programs_.clear(); }

 private:
  static constexpr std::size_t kMost = 8;
  std::vector<std::unique_ptr<Kept>> programs_;
};

}  // namespace cudet
