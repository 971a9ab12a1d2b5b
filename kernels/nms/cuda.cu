#include <algorithm>

#include "kernels/launch.cuh"
#include "kernels/nms/nms.h"
#include "kernels/ptx.cuh"

namespace cudet {
namespace {

// ---- Ranks: the place of each candidate is the number of those that come before it

constexpr int kRanked = 32;  // candidates that a block ranks at a time, one a lane; each warp compares with some keys
constexpr int kKeys = 1024;  // keys in shared memory at a time

struct RankShared {
  unsigned long long key[kKeys];
  int before[kWarps][kRanked];
};

// Rises from one candidate in order to the next: by falling score, then by anchor. Scores aren't negative, so their
// bits are in their own order.
__device__ unsigned long long key(const Candidate& c) {
  return static_cast<unsigned long long>(~__float_as_uint(c.score)) << 32 | static_cast<unsigned>(c.anchor);
}

__device__ void rank_tile(const NmsBatch& op, int image, int found, int first) {
  RankShared& shared = *reinterpret_cast<RankShared*>(shared_memory());
  const int room = min(op.capacity, Nms::kMaxCandidates);
  const Candidate* candidates = op.candidates + static_cast<std::size_t>(image) * op.capacity;
  Candidate* sorted = op.sorted + static_cast<std::size_t>(image) * room;
  const int thread = static_cast<int>(threadIdx.x), warp = thread / 32, lane = thread % 32, n = first + lane;

  const unsigned long long mine = n < found ? key(candidates[n]) : 0;
  int before = 0;
  for (int start = 0; start < found; start += kKeys) {
    const int count = min(kKeys, found - start);
    __syncthreads();  // the keys that were here have served
    for (int k = thread; k < count; k += kThreads) shared.key[k] = key(candidates[start + k]);
    __syncthreads();
    for (int k = warp; k < count; k += kWarps) before += shared.key[k] < mine ? 1 : 0;
  }
  shared.before[warp][lane] = before;
  __syncthreads();
  if (warp == 0 && n < found) {
    for (int other = 1; other < kWarps; ++other) before += shared.before[other][lane];
    if (before < room) sorted[before] = candidates[n];
  }
}

__global__ void __launch_bounds__(kThreads) rank_kernel(const __grid_constant__ NmsBatch op) {
  const int tiles = (op.capacity + kRanked - 1) / kRanked;  // of an image
  for (int tile = static_cast<int>(blockIdx.x); tile < op.images * tiles; tile += static_cast<int>(gridDim.x)) {
    const int image = tile / tiles, first = tile % tiles * kRanked;
    const int found = op.found[image];
    if (first < found) rank_tile(op, image, found, first);
  }
}

// ---- Suppression: one block an image takes the sorted candidates, one a thread, a batch at a time

// A candidate as IoU sees it: moved apart from other classes, unless they do not matter.
struct Box {
  float4 corners;  // x1, y1, x2, y2
  float area;
  int class_id;

  __device__ Box(const Candidate& c, bool agnostic) : class_id(agnostic ? 0 : c.class_id) {
    const float shift = __fmul_rn(static_cast<float>(class_id), Nms::kClassShift);
    corners =
        make_float4(__fadd_rn(c.x1, shift), __fadd_rn(c.y1, shift), __fadd_rn(c.x2, shift), __fadd_rn(c.y2, shift));
    area = __fmul_rn(__fsub_rn(corners.z, corners.x), __fsub_rn(corners.w, corners.y));
  }
};

// Whether `a`, which stays, suppresses `b`: nms_reference's operations, each rounded by itself as there.
__device__ bool suppresses(const Box& a, const Box& b, float iou) {
  if (a.class_id != b.class_id) return false;
  const float w = max(0.0f, __fsub_rn(min(a.corners.z, b.corners.z), max(a.corners.x, b.corners.x)));
  const float h = max(0.0f, __fsub_rn(min(a.corners.w, b.corners.w), max(a.corners.y, b.corners.y)));
  const float both = __fmul_rn(w, h);
  return __fdiv_rn(both, __fsub_rn(__fadd_rn(a.area, b.area), both)) > iou;
}

struct SuppressShared {
  Box kept[kThreads], batch[kThreads];
  unsigned suppressed[kThreads][kWarps];  // of batch: by which candidate, a bit a later one
  unsigned stay[kWarps];                  // of batch: a bit a candidate that none of earlier batches suppresses
};

__device__ void suppress_image(const NmsBatch& op, int image) {
  SuppressShared& shared = *reinterpret_cast<SuppressShared*>(shared_memory());
  const int room = min(op.capacity, Nms::kMaxCandidates), found = min(op.found[image], room);
  const Candidate* sorted = op.sorted + static_cast<std::size_t>(image) * room;
  Candidate* kept = op.kept + static_cast<std::size_t>(image) * room;
  const float iou = op.parameters->iou;
  const bool agnostic = op.parameters->agnostic != 0;
  const int max_detections = op.parameters->max_detections;
  const int thread = static_cast<int>(threadIdx.x), warp = thread / 32;

  int kept_count = 0;  // the same in all threads, as is whatever decides about it
  for (int start = 0; start < found && kept_count < max_detections; start += kThreads) {
    const int count = found - start;  // of the batch, if it is the last
    const Candidate candidate = thread < count ? sorted[start + thread] : Candidate{};
    const Box box(candidate, agnostic);
    bool stays = thread < count;

    for (int first = 0; first < kept_count; first += kThreads) {
      if (first + thread < kept_count) shared.kept[thread] = Box(kept[first + thread], agnostic);
      __syncthreads();
      for (int m = 0; m < min(kThreads, kept_count - first) && stays; ++m)
        stays = !suppresses(shared.kept[m], box, iou);
      if (!__syncthreads_or(stays)) break;
    }

    shared.batch[thread] = box;
    const unsigned stay = __ballot_sync(kWarp, stays);
    if (thread % 32 == 0) shared.stay[warp] = stay;
    __syncthreads();
    for (int word = 0; word < kWarps; ++word) {
      unsigned bits = 0;
      const int last = min(count, 32 * (word + 1));
      for (int m = stays ? max(thread + 1, 32 * word) : last; m < last; ++m)
        if (suppresses(box, shared.batch[m], iou)) bits |= 1u << m % 32;
      shared.suppressed[thread][word] = bits;
    }
    __syncthreads();

    // Every thread goes over those that stay, and so finds its own place.
    int place = -1;
    unsigned left[kWarps];
    for (int word = 0; word < kWarps; ++word) left[word] = shared.stay[word];
#pragma unroll
    for (int word = 0; word < kWarps; ++word)
      while (left[word] != 0 && kept_count < max_detections) {
        const int m = 32 * word + __ffs(static_cast<int>(left[word])) - 1;
        left[word] &= left[word] - 1;
#pragma unroll
        for (int later = word; later < kWarps; ++later) left[later] &= ~shared.suppressed[m][later];
        if (m == thread) place = kept_count;
        ++kept_count;
      }
    if (place >= 0) kept[place] = candidate;
    __syncthreads();  // what is kept can be read, and the batch has served
  }
  if (thread == 0) op.kept_count[image] = kept_count;
}

__global__ void __launch_bounds__(kThreads) suppress_kernel(const __grid_constant__ NmsBatch op) {
  suppress_image(op, static_cast<int>(blockIdx.x));
}

}  // namespace

void nms_cuda(const NmsBatch& op, const CudaStream& on) {
  const int tiles = op.images * ((op.capacity + kRanked - 1) / kRanked);
  launch("nms", on, std::clamp(tiles, 1, 8 * on.multiprocessors), sizeof(RankShared), rank_kernel, op);
  launch("nms", on, op.images, sizeof(SuppressShared), suppress_kernel, op);
}

}  // namespace cudet
