// A Program on the device: launched step by step, or as one captured graph.
#pragma once
#include "runtime/compile/device_memory.h"
#include "runtime/cuda/handles.h"
#include "runtime/program.h"

namespace cudet {

/// Its last step is DetectDecode. What a call wants is in device memory, so that one graph serves every call.
struct CudaProgram : Program {
  explicit CudaProgram(Program program) : Program(std::move(program)), layout(*this) {}

  /// Launches the network, the search for candidates and NMS; with `all_outputs`, the whole output too. `candidates`:
  /// memory of `layout`.
  void run(const Memory& where, std::byte* candidates, const CudaStream& on, bool all_outputs) const;
  /// Makes `graph` of the same work, without running it. It holds the addresses that it is given here.
  void capture(const Memory& where, std::byte* candidates, const CudaStream& on);

  CandidateLayout layout;
  GraphExec graph;  // null until capture()
};

}  // namespace cudet
