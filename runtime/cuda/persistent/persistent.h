// Runs a whole Program as one launch: its blocks take tiles one after the other, each waits until the steps that it
// depends on have ended, and no block waits for a tile that no block has taken. So any number of resident blocks makes
// progress, beside other work on the device.
#pragma once
#include "kernels/launch.cuh"
#include "runtime/compile/tile_list.h"
#include "runtime/cuda/handles.h"
#include "runtime/cuda/persistent/arguments.h"

namespace cudet {

class PersistentProgram {
 public:
  static constexpr unsigned long long kPatience = 1'000'000'000;  // ns

  /// Sends the tiles of `program`, which reads either of its inputs, to the device. `candidates` and `on.scratch` are
  /// device memory with CandidateLayout and CudaMemory::scratch; they and `memory` must stay where they are. Throws
  /// NoTileList, or Error if CUDA refuses.
  PersistentProgram(const Program& program, const CandidateLayout& layout, const Memory& memory, std::byte* candidates,
                    const CudaStream& on);
  /// The same for the list of the first input, and that of the second, which differs in operands only; null without a
  /// second input.
  PersistentProgram(const TileList& first, const TileList* second, Type type, const Memory& memory,
                    const CudaStream& on);

  /// Queues the launch on input `slot`. `blocks`: 0 for as many as are resident at once.
  void launch(int slot, const CudaStream& on, int blocks = 0) const;
  /// Queues a copy of TileProgress::stopped to host memory. If that is not pinned, the call may wait for the stream.
  void copy_stopped(unsigned* to, cudaStream_t stream) const;

  void set_patience(unsigned long long nanoseconds) { arguments_.patience = nanoseconds; }

 private:
  DeviceBuffer buffer_;
  PersistentArguments arguments_{};  // for input 0
  const TileStep* second_steps_ = nullptr;
  PersistentKernel kernel_ = nullptr;
  std::size_t shared_bytes_ = 0;
  int resident_ = 1;  // blocks
};

}  // namespace cudet
