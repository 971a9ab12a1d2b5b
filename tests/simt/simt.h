// Control of the fiber device by a test, in addition to the environment variables (see README.md).
#pragma once
#include <cuda_runtime.h>

#include <string>

namespace simt {

/// Sets the seed that later launches and streams draw their order from, as SIMT_SEED does.
void set_seed(unsigned seed);
/// Number of runtime API calls so far, of those that can fail.
unsigned calls();
/// Makes call number `call` fail, counted from 1 as calls() counts. 0: no call fails. cudaSuccess: each function fails
/// with the error that is typical of it.
void fail_at(unsigned call, cudaError_t error = cudaSuccess);
/// Makes the release of a counter (red_release_add) number `release` from now on get lost, as if its block never ended.
/// 0: none is lost.
void lose_release(unsigned release);
/// Number of live objects: device and pinned allocations, streams, events, graphs and instantiated graphs.
std::size_t objects_left();
/// The report of the last kernel that faulted: one line.
std::string last_report();

}  // namespace simt
