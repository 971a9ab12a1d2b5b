#include "runtime/compile/device_memory.h"

#include <algorithm>

#include "runtime/buffer.h"
#include "runtime/compile/packing.h"
#include "runtime/compile/schedule.h"

namespace cudet {

CandidateLayout::CandidateLayout(const Program& program)
    : images(program.batch),
      anchors(program.output.w),
      classes(program.output.c - 4),
      max_kept(std::min(anchors, Nms::kMaxCandidates)),
      bytes(0) {
  const auto take = [&](std::size_t count, std::size_t size) {
    const std::size_t at = bytes;
    bytes = align_up(at + count * size);
    return at;
  };
  const std::size_t n = static_cast<std::size_t>(images),
                    kept_bytes = sizeof(Candidate) * static_cast<std::size_t>(max_kept);
  parameters = take(1, sizeof(NmsParameters));
  wanted = take(static_cast<std::size_t>(classes), 1);
  found = take(2 * n, sizeof(int));
  kept_count = take(n, sizeof(int));
  candidates = take(n, sizeof(Candidate) * static_cast<std::size_t>(anchors));
  sorted = take(n, kept_bytes);
  kept = take(n, kept_bytes);
}

CandidateOutput CandidateLayout::output(std::byte* base) const {
  return {reinterpret_cast<const NmsParameters*>(base + parameters),
          reinterpret_cast<const std::uint8_t*>(base + wanted), reinterpret_cast<Candidate*>(base + candidates),
          reinterpret_cast<int*>(base + found)};
}

NmsBatch CandidateLayout::batch(std::byte* base) const {
  NmsBatch op{};
  op.images = images;
  op.capacity = anchors;
  op.parameters = reinterpret_cast<const NmsParameters*>(base + parameters);
  op.candidates = reinterpret_cast<const Candidate*>(base + candidates);
  op.found = reinterpret_cast<const int*>(base + found);
  op.sorted = reinterpret_cast<Candidate*>(base + sorted);
  op.kept = reinterpret_cast<Candidate*>(base + kept);
  op.kept_count = reinterpret_cast<int*>(base + kept_count);
  return op;
}

CudaMemory cuda_memory(const Program& program) {
  CudaMemory memory{};
  memory.scratch = kScratchCounters;
  for (const Program::NamedStep& named : program.steps) {
    memory.weights += packed_bytes(named.step, true);
    if (const auto* plan = std::get_if<Conv2dCudaPlan>(&named.plan))
      memory.scratch = std::max(memory.scratch, plan->scratch_bytes());
  }
  memory.scratch = std::max(memory.scratch, kScratchCounters + shares_bytes(program));
  memory.arena = program.memory.bytes;
  memory.candidates = CandidateLayout(program).bytes;
  memory.strip = kStripBytes;
  return memory;
}

}  // namespace cudet
