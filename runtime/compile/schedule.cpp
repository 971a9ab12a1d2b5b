#include "runtime/compile/schedule.h"

#include <algorithm>
#include <utility>

namespace cudet {
namespace {

bool overlap(const std::vector<Region>& a, const std::vector<Region>& b) {
  return std::any_of(a.begin(), a.end(), [&](const Region& x) {
    return std::any_of(b.begin(), b.end(), [&](const Region& y) { return overlap(x, y); });
  });
}

bool conflict(const Access& a, const Access& b) {
  return overlap(a.writes, b.reads) || overlap(a.writes, b.writes) || overlap(a.reads, b.writes);
}

}  // namespace

Region Region::of(const Tensor& t) {
  const std::size_t size = size_of(t.type), pitch = static_cast<std::size_t>(t.pitch) * size;
  const std::size_t width = static_cast<std::size_t>(t.c) * size;
  return {Memory::arena, t.offset, t.offset + t.pixel(t.n, 0, 0) * size - pitch + width, pitch, width};
}

bool overlap(const Region& a, const Region& b) {
  if (a.memory != b.memory || a.begin >= b.end || b.begin >= a.end) return false;
  if (a.pitch != b.pitch) return true;
  const std::size_t distance = (b.begin % a.pitch + a.pitch - a.begin % a.pitch) % a.pitch;  // from a's slice to b's
  return distance < a.width || distance + b.width > a.pitch;
}

Access step_access(const Step& step) {
  const StepInfo info = step_info(step);
  Access access;
  for (const Tensor& t : info.inputs) access.reads.push_back(Region::of(t));
  for (const Tensor& t : info.outputs) access.writes.push_back(Region::of(t));
  return access;
}

std::vector<std::vector<int>> find_waits(const std::vector<Access>& steps) {
  std::vector<std::vector<int>> waits(steps.size());
  std::vector<std::vector<bool>> ended(steps.size());  // per step: the steps that have ended when it starts
  for (std::size_t i = 0; i < steps.size(); ++i) {
    ended[i].assign(steps.size(), false);
    for (std::size_t j = i; j-- > 0;) {
      if (ended[i][j] || !conflict(steps[j], steps[i])) continue;
      waits[i].push_back(static_cast<int>(j));
      ended[i][j] = true;
      for (std::size_t k = 0; k < j; ++k) ended[i][k] = ended[i][k] || ended[j][k];
    }
  }
  return waits;
}

std::size_t shares_bytes(const Program& program) {
  constexpr std::size_t kEnough = 4 << 20;
  std::size_t all = 0, largest = 0;
  for (const Program::NamedStep& named : program.steps)
    if (const auto* plan = std::get_if<Conv2dCudaPlan>(&named.plan); plan && plan->splits > 1) {
      all += plan->shares_bytes();
      largest = std::max(largest, plan->shares_bytes());
    }
  return std::min(all, std::max(largest, kEnough));
}

std::size_t SharesRing::take(std::size_t bytes) {
  if (next_ + bytes > bytes_) next_ = 0;
  return std::exchange(next_, next_ + bytes);
}

}  // namespace cudet
