// The CUDA device: which, what it can do, or in one line why there is none.
#pragma once
#include "runtime/cudet.h"

namespace cudet {

struct CudaDevice {
  int ordinal;     // of CUDA's
  int capability;  // 10 · major + minor
  int multiprocessors;
  int shared_bytes_per_block;
};

/// The calling thread's current device. Throws NoCudaDevice (runtime/engine.h) where there is none; Error where its
/// driver is too old, where this build has no kernels for it, or where it lacks the precision.
CudaDevice find_cuda_device(Precision precision);

}  // namespace cudet
