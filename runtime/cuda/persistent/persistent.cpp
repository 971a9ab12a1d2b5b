#include "runtime/cuda/persistent/persistent.h"

#include <algorithm>
#include <memory>

#include "runtime/buffer.h"

namespace cudet {
namespace {

/// Appends the bytes of a vector to `image`, aligned. Returns their offset.
template <class T>
std::size_t append(std::vector<std::byte>& image, const std::vector<T>& values) {
  const std::size_t at = align_up(image.size()), bytes = values.size() * sizeof(T);
  image.resize(at + bytes);
  std::copy_n(reinterpret_cast<const std::byte*>(values.data()), bytes, image.data() + at);
  return at;
}

TileTarget tile_target(const CudaStream& on, std::byte* candidates) {
  return {on.multiprocessors, static_cast<std::size_t>(on.shared_bytes_per_block), candidates};
}

std::unique_ptr<TileList> second_list(const Program& program, const CandidateLayout& layout, const TileTarget& target) {
  if (program.inputs == 1) return nullptr;
  return std::make_unique<TileList>(make_tile_list(program, 1, layout, target));
}

}  // namespace

PersistentProgram::PersistentProgram(const Program& program, const CandidateLayout& layout, const Memory& memory,
                                     std::byte* candidates, const CudaStream& on)
    : PersistentProgram(make_tile_list(program, 0, layout, tile_target(on, candidates)),
                        second_list(program, layout, tile_target(on, candidates)).get(), program.input.type, memory,
                        on) {}

PersistentProgram::PersistentProgram(const TileList& list, const TileList* second, Type type, const Memory& memory,
                                     const CudaStream& on) {
  const PersistentInstance instance = type == Type::f16 ? persistent_f16() : persistent_f32();
  kernel_ = instance.kernel;

  const std::size_t counters = list.split_counters + list.steps.size();
  std::vector<std::byte> image;
  append(image, std::vector<TileProgress>(1));
  const std::size_t counters_at = append(image, std::vector<unsigned>(counters));
  const std::size_t steps_at = append(image, list.steps), second_at = second ? append(image, second->steps) : 0;
  const std::size_t waits_at = append(image, list.waits);
  const std::size_t tickets_at = append(image, list.step_of_ticket);
  buffer_ = DeviceBuffer(image.size());
  check(cudaMemcpyAsync(buffer_.data(), image.data(), image.size(), cudaMemcpyHostToDevice, on.stream), "tiles");
  check(cudaStreamSynchronize(on.stream), "tiles");

  PersistentArguments& a = arguments_;
  a.memory = memory;
  a.shares = on.scratch + kScratchCounters;
  a.progress = reinterpret_cast<TileProgress*>(buffer_.data());
  a.counters = reinterpret_cast<unsigned*>(buffer_.data() + counters_at);
  a.ended = a.counters + list.split_counters;
  a.counters_count = static_cast<unsigned>(counters);
  a.steps = reinterpret_cast<const TileStep*>(buffer_.data() + steps_at);
  second_steps_ = reinterpret_cast<const TileStep*>(buffer_.data() + second_at);
  a.waits = reinterpret_cast<const TileWait*>(buffer_.data() + waits_at);
  a.step_of_ticket = reinterpret_cast<const std::uint16_t*>(buffer_.data() + tickets_at);
  a.tickets = static_cast<unsigned>(list.step_of_ticket.size());
  a.shared_state = static_cast<unsigned>(align_up(list.shared_bytes));
  a.patience = kPatience;

  shared_bytes_ = a.shared_state + instance.shared_state_bytes;
  allow_shared_memory("persistent kernel", on, shared_bytes_, reinterpret_cast<const void*>(kernel_));
  int per_multiprocessor = 0;
  check(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&per_multiprocessor, kernel_, kThreads, shared_bytes_),
        "persistent kernel");
  resident_ = std::max(1, per_multiprocessor) * on.multiprocessors;
}

void PersistentProgram::launch(int slot, const CudaStream& on, int blocks) const {
  PersistentArguments arguments = arguments_;
  if (slot == 1) arguments.steps = second_steps_;
  const int count = std::min(blocks > 0 ? blocks : resident_, static_cast<int>(arguments_.tickets));
  cudet::launch("persistent kernel", on, count, shared_bytes_, kernel_, arguments);
}

void PersistentProgram::copy_stopped(unsigned* to, cudaStream_t stream) const {
  check(cudaMemcpyAsync(to, &arguments_.progress->stopped, sizeof *to, cudaMemcpyDeviceToHost, stream), "tiles");
}

}  // namespace cudet
