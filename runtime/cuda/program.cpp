#include "runtime/cuda/program.h"

#include <utility>

namespace cudet {
namespace {

/// Launches an operator's kernels.
struct Launcher {
  const StepPlan& plan;
  const Memory& memory;
  const CudaStream& stream;

  void operator()(const Conv2d& op) const { conv2d_cuda(op, std::get<Conv2dCudaPlan>(plan), memory, stream); }
  void operator()(const Conv2dInt8&) const { throw Error("int8 runs on the CPU only"); }
  void operator()(const MaxPool& op) const { max_pool_cuda(op, memory, stream); }
  void operator()(const MaxPoolChain& op) const { max_pool_chain_cuda(op, memory, stream); }
  void operator()(const Upsample& op) const { upsample_cuda(op, memory, stream); }
  void operator()(const Copy& op) const { copy_cuda(op, memory, stream); }
  void operator()(const DySample& op) const { dysample_cuda(op, memory, stream); }
  void operator()(const ConvDySample& op) const {
    conv_dysample_cuda(op, std::get<ConvDySamplePlan>(plan), memory, stream);
  }
  void operator()(const DetectDecode& op) const { detect_decode_cuda(op, memory, stream); }
  void operator()(const Add& op) const { add_cuda(op, memory, stream); }
  void operator()(const Pad& op) const { pad_cuda(op, memory, stream); }
  void operator()(const ResizeBilinear& op) const { resize_bilinear_cuda(op, memory, stream); }
  void operator()(const ConvTranspose2d& op) const { conv_transpose2d_cuda(op, memory, stream); }
};

/// A capture in progress. The destructor ends it and drops the graph.
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
  Capture(const Capture&) = delete;  // the capture ends once
  Capture& operator=(const Capture&) = delete;

  CapturedGraph end() {
    cudaGraph_t graph = nullptr;
    const cudaError_t error = cudaStreamEndCapture(std::exchange(stream_, nullptr), &graph);
    CapturedGraph captured(graph);
    check(error, "a graph");
    return captured;
  }

 private:
  cudaStream_t stream_;
};

}  // namespace

void launch_step(const Step& step, const StepPlan& plan, const std::string& name, const Memory& memory,
                 const CudaStream& stream) {
  try {
    std::visit(Launcher{plan, memory, stream}, step);
  } catch (const Error& error) {
    throw Error(name + ": " + error.what());
  }
}

GraphExec capture_graph(cudaStream_t stream, const std::function<void()>& work) {
  Capture capture(stream);
  work();
  const CapturedGraph graph = capture.end();
  cudaGraphExec_t exec = nullptr;
  check(cudaGraphInstantiate(&exec, graph.get(), 0), "a graph");
  return GraphExec(exec);
}

CudaProgram::CudaProgram(Program program)
    : Program(std::move(program)), layout(*this), steps_of_slot_{steps_of(0), steps_of(1)} {}

void CudaProgram::run(int slot, const Memory& base, std::byte* candidates, const CudaStream& stream,
                      bool all_outputs) const {
  const std::vector<Step>& list = steps_of_slot_[static_cast<std::size_t>(slot)];
  const std::size_t last = list.size() - (all_outputs ? 0 : 1);
  for (std::size_t i = 0; i < last; ++i) launch_step(list[i], steps[i].plan, steps[i].name, base, stream);
  find_detections(base, candidates, stream);
}

void CudaProgram::run_step(std::size_t index, const Memory& base, std::byte* candidates,
                           const CudaStream& stream) const {
  const NamedStep& named = steps[index];
  if (index + 1 < steps.size())
    launch_step(named.step, named.plan, named.name, base, stream);
  else
    find_detections(base, candidates, stream);
}

void CudaProgram::capture(int slot, const Memory& base, std::byte* candidates, const CudaStream& stream) {
  GraphExec& graph = graphs[static_cast<std::size_t>(slot)];
  graph = capture_graph(stream.stream, [&] { run(slot, base, candidates, stream, false); });
  check(cudaGraphUpload(graph.get(), stream.stream), "a graph");
}

void CudaProgram::find_detections(const Memory& base, std::byte* candidates, const CudaStream& stream) const {
  const NamedStep& head = steps.back();
  const NmsBatch nms = layout.batch(candidates);
  try {
    detect_candidates_cuda(std::get<DetectDecode>(head.step), base, layout.output(candidates), stream);
    nms_cuda(nms, stream);
  } catch (const Error& error) {
    throw Error(head.name + ": " + error.what());
  }
}

}  // namespace cudet
