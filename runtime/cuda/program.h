// A Program on a CUDA device: runs its steps one launch after the other, or all of them as one captured graph.
#pragma once
#include <functional>

#include "kernels/launch.cuh"
#include "runtime/compile/device_memory.h"
#include "runtime/cuda/handles.h"
#include "runtime/program.h"

namespace cudet {

/// Launches a step's kernels. Throws Error with the name of the step's module.
void launch_step(const Program::NamedStep& step, const Memory& memory, const CudaStream& stream);

/// Captures what `work` queues on the stream. If `work` throws, ends the capture and rethrows.
GraphExec capture_graph(cudaStream_t stream, const std::function<void()>& work);

/// A Program whose last step is DetectDecode. A call's options are in device memory, so that one graph can be used for
/// all calls. `candidates` is device memory with the layout of `layout`.
struct CudaProgram : Program {
  explicit CudaProgram(Program program) : Program(std::move(program)), layout(*this) {}

  /// Queues all steps. Instead of DetectDecode, queues the search for candidates, which decodes only anchors above the
  /// threshold, and NMS; with `all_outputs`, queues both.
  void run(const Memory& base, std::byte* candidates, const CudaStream& stream, bool all_outputs) const;
  /// Queues one step; for the last one, the search for candidates and NMS.
  void run_step(std::size_t index, const Memory& base, std::byte* candidates, const CudaStream& stream) const;
  /// Captures run() into `graph`, which holds the addresses given here.
  void capture(const Memory& base, std::byte* candidates, const CudaStream& stream);

  CandidateLayout layout;
  GraphExec graph;  // null before capture()

 private:
  void find_detections(const Memory& base, std::byte* candidates, const CudaStream& stream) const;
};

}  // namespace cudet
