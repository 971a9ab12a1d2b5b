// Decides which steps may run at the same time: each step waits for the earlier ones whose memory it shares.
#pragma once
#include <cstddef>
#include <vector>

#include "runtime/program.h"

namespace cudet {

/// Bytes of a memory that a step reads or writes: `width` bytes at the start of every `pitch` bytes from `begin` until
/// `end`. A slice of a wider tensor's channels is narrower than its pitch.
struct Region {
  enum class Memory : unsigned char { arena, scratch };
  Memory memory;
  std::size_t begin, end;
  std::size_t pitch, width;

  static Region of(const Tensor& t);
  static Region of_shares(std::size_t offset, std::size_t bytes) {
    return {Memory::scratch, offset, offset + bytes, bytes, bytes};
  }
};
/// Whether two regions share a byte. If their pitches differ, whether their ranges do.
bool overlap(const Region& a, const Region& b);

struct Access {
  std::vector<Region> reads, writes;
};
/// Returns what a step reads and writes in the arena.
Access step_access(const Step& step);

/// Returns, for each step, the earlier steps that must have ended before it starts, in descending order: those that
/// write what it reads or writes, and those that read what it writes. Steps that others of the list wait for in turn
/// are left out.
std::vector<std::vector<int>> find_waits(const std::vector<Access>& steps);

/// Bytes for the shares of split sums of steps that run at the same time: those of all steps, or 4 MB or the largest
/// step's if that is less. Steps then take turns.
std::size_t shares_bytes(const Program& program);
/// Assigns each step its shares in a ring of shares_bytes().
class SharesRing {
 public:
  explicit SharesRing(std::size_t bytes) : bytes_(bytes) {}
  /// Returns the offset of `bytes` bytes, which may overlap those of an earlier call.
  std::size_t take(std::size_t bytes);

 private:
  std::size_t bytes_, next_ = 0;
};

}  // namespace cudet
