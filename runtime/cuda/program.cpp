#include "runtime/cuda/program.h"

#include "runtime/cuda/executor.h"

namespace cudet {
namespace {

/// A stream that captures; where nobody takes the graph, it is dropped.
class Capture {
 public:
  explicit Capture(cudaStream_t stream) : stream_(stream) {
    check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), "a graph");
  }
  ~Capture() {
    if (stream_ == nullptr) return;
    cudaGraph_t graph = nullptr;
    if (cudaStreamEndCapture(stream_, &graph) != cudaSuccess) cudaGetLastError();
    const CapturedGraph dropped(graph);
  }
  Capture(const Capture&) = delete;  // it ends once
  Capture& operator=(const Capture&) = delete;

  CapturedGraph take() {
    cudaGraph_t graph = nullptr;
    const cudaError_t error = cudaStreamEndCapture(std::exchange(stream_, nullptr), &graph);
    CapturedGraph taken(graph);
    check(error, "a graph");
    return taken;
  }

 private:
  cudaStream_t stream_;
};

}  // namespace

void CudaProgram::run(const Memory& where, std::byte* candidates, const CudaStream& on, bool all_outputs) const {
  const NamedStep& head = steps.back();
  for (const NamedStep& named : steps)
    if (&named != &head || all_outputs) run_on_cuda(named, where, on);
  const NmsBatch nms = layout.batch(candidates);
  try {
    detect_candidates_cuda(std::get<DetectDecode>(head.step), where, nms.parameters,
                           reinterpret_cast<const std::uint8_t*>(candidates + layout.wanted),
                           reinterpret_cast<Candidate*>(candidates + layout.candidates),
                           reinterpret_cast<int*>(candidates + layout.found), on);
    nms_cuda(nms, on);
  } catch (const Error& error) {
    throw Error(head.name + ": " + error.what());
  }
}

void CudaProgram::capture(const Memory& where, std::byte* candidates, const CudaStream& on) {
  Capture capturing(on.stream);
  run(where, candidates, on, false);
  const CapturedGraph captured = capturing.take();
  cudaGraphExec_t exec = nullptr;
  check(cudaGraphInstantiate(&exec, captured.get(), 0), "a graph");
  graph.reset(exec);
  check(cudaGraphUpload(exec, on.stream), "a graph");
}

}  // namespace cudet
