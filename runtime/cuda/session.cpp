#include "runtime/cuda/session.h"

#include <algorithm>
#include <utility>

#include "runtime/compile/lowering.h"

namespace cudet {

CudaSession::CudaSession(const Model& model, Precision precision, Executor executor)
    : model_(model),
      device_(find_cuda_device(precision)),
      type_(precision == Precision::fp16 ? Type::f16 : Type::f32),
      executor_(executor) {
  packed_ = model_.impl().cuda_weights(type_);
  weights_ = DeviceBuffer(packed_.bytes.bytes());
  check(cudaMemcpyAsync(weights_.data(), packed_.bytes.data(), weights_.bytes(), cudaMemcpyHostToDevice,
                        network_stream()),
        "weights to the device");
  check(cudaStreamSynchronize(network_stream()), "weights to the device");
  packed_.bytes = Buffer();
}

CudaProgram& CudaSession::program(int batch, Extent input) {
  if (CudaProgram* cached = programs_.find(batch, input)) return *cached;
  auto compiled = std::make_unique<CudaProgram>(compile(model_.impl().graph, packed_, batch, input, false,
                                                        {.type = type_,
                                                         .cuda = true,
                                                         .multiprocessors = device_.multiprocessors,
                                                         .inputs = inputs_,
                                                         .input_bytes = input_bytes_}));
  if (compiled->input_bytes > input_bytes_) {
    synchronize();
    programs_.clear();
  }
  reserve(cuda_memory(*compiled));
  input_bytes_ = compiled->input_bytes;  // not before: a size without enough memory must not enlarge the others
  if (executor_ == Executor::automatic) try {
      compiled->persistent.emplace(*compiled, compiled->layout, memory(), candidates_.data(), network_launches());
    } catch (const NoTileList&) {  // launches step by step take no longer then
    }
  return programs_.add(std::move(compiled));
}

void CudaSession::set_inputs(int inputs) {
  synchronize();
  programs_.clear();
  inputs_ = inputs;
}

void CudaSession::reserve(const CudaMemory& needed) {
  const std::pair<DeviceBuffer*, std::size_t> parts[] = {
      {&arena_, needed.arena}, {&candidates_, needed.candidates}, {&scratch_, needed.scratch}};
  if (std::all_of(std::begin(parts), std::end(parts), [](const auto& p) { return p.first->bytes() >= p.second; }))
    return;
  synchronize();      // a batch in flight still uses the memory
  programs_.clear();  // their graphs hold the old addresses
  for (const auto& [buffer, bytes] : parts) {
    if (buffer->bytes() >= bytes) continue;
    *buffer = DeviceBuffer();  // frees the old buffer before the new one is allocated
    DeviceBuffer larger(bytes);
    if (buffer == &scratch_)
      check(cudaMemsetAsync(larger.data(), 0, kScratchCounters, network_stream()), "scratch memory");
    if (buffer == &candidates_)  // results are copied to the host at full length, so unused entries must be defined
      check(cudaMemsetAsync(larger.data(), 0, bytes, network_stream()), "memory for candidates");
    *buffer = std::move(larger);
  }
}

void CudaSession::synchronize() noexcept {
  for (const Stream* stream : {&image_stream_, &network_stream_})
    if (cudaStreamSynchronize(stream->get()) != cudaSuccess) cudaGetLastError();
}

}  // namespace cudet
