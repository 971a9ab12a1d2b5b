// What a test may ask of the device, and set, beside the environment (see README.md).
#pragma once
#include <cuda_runtime.h>

#include <string>

namespace simt {

void set_seed(unsigned seed);
unsigned calls();  // calls of the runtime API that could have failed, so far
void fail_at(unsigned call, cudaError_t error = cudaSuccess);  // counted from 1, as calls() does; 0: none
std::size_t objects_left();                                    // allocations, streams, events and graphs not given up
std::string last_report();                                     // of the kernel that went wrong

}  // namespace simt
