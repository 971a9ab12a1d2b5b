// A Program on a CUDA device: runs its steps one launch after the other, or all of them as one captured graph.
#pragma once
#include <array>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "kernels/launch.cuh"
#include "runtime/compile/device_memory.h"
#include "runtime/cuda/handles.h"
#include "runtime/cuda/persistent/persistent.h"
#include "runtime/program.h"

namespace cudet {

/// Launches a step's kernels. Throws Error with `name`, that of the step's module.
void launch_step(const Step& step, const StepPlan& plan, const std::string& name, const Memory& memory,
                 const CudaStream& stream);

/// Captures what `work` queues on the stream. If `work` throws, ends the capture and rethrows.
GraphExec capture_graph(cudaStream_t stream, const std::function<void()>& work);

/// A Program whose last step is DetectDecode. A call's options are in device memory, so that one graph can be used for
/// all calls. `candidates` is device memory with the layout of `layout`. `slot`: which of the two inputs is read.
struct CudaProgram : Program {
  explicit CudaProgram(Program program);

  /// Queues all steps. Instead of DetectDecode, queues the search for candidates, which decodes only anchors above the
  /// threshold, and NMS; with `all_outputs`, queues both.
  void run(int slot, const Memory& base, std::byte* candidates, const CudaStream& stream, bool all_outputs) const;
  /// Queues one step on the first input; for the last one, the search for candidates and NMS.
  void run_step(std::size_t index, const Memory& base, std::byte* candidates, const CudaStream& stream) const;
  /// Captures run() into `graphs[slot]`, which holds the addresses given here.
  void capture(int slot, const Memory& base, std::byte* candidates, const CudaStream& stream);

  CandidateLayout layout;
  std::array<GraphExec, 2> graphs;              // null before capture()
  std::optional<PersistentProgram> persistent;  // all steps as one launch, if the session made it

 private:
  void find_detections(const Memory& base, std::byte* candidates, const CudaStream& stream) const;

  std::array<std::vector<Step>, 2> steps_of_slot_;
};

}  // namespace cudet
