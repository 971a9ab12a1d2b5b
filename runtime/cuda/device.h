// Finds the CUDA device and its properties, or throws Error with the reason why it cannot be used.
#pragma once
#include "runtime/cudet.h"

namespace cudet {

struct CudaDevice {
  int ordinal;     // CUDA's index of the device
  int capability;  // 10 · major + minor
  int multiprocessors;
  int shared_bytes_per_block;
  bool reads_pageable_memory;  // kernels can read any memory of the host
};

/// Throws NoCudaDevice (runtime/engine.h) if there is no device, or Error if there is none with this index.
void require_cuda_device(int ordinal);

/// Returns the calling thread's current device. Throws NoCudaDevice (runtime/engine.h) if there is none. Throws Error
/// if its driver is too old, if this build has no kernels for it, or if it does not support the precision.
CudaDevice find_cuda_device(Precision precision);

}  // namespace cudet
