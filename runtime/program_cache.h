// A cache of compiled Programs with least-recently-used eviction.
#pragma once
#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "runtime/program.h"

namespace cudet {

/// `Kept` is Program or a class derived from it.
template <class Kept>
class ProgramCache {
 public:
  /// Returns the Program for this batch and input size and marks it as used, or returns null.
  Kept* find(int batch, Extent size) {
    const auto found = std::find_if(programs_.begin(), programs_.end(),
                                    [&](const auto& p) { return p->batch == batch && p->input_size == size; });
    if (found == programs_.end()) return nullptr;
    std::rotate(programs_.begin(), found, found + 1);  // most recently used first
    return programs_.front().get();
  }
  /// Adds a Program that find() did not find. A full cache drops the least recently used one.
  Kept& add(std::unique_ptr<Kept> program) {
    if (programs_.size() == kCapacity) programs_.pop_back();
    programs_.insert(programs_.begin(), std::move(program));
    return *programs_.front();
  }
  void clear() { programs_.clear(); }

 private:
  static constexpr std::size_t kCapacity = 8;
  std::vector<std::unique_ptr<Kept>> programs_;
};

}  // namespace cudet
