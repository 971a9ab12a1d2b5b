// Tiles of NMS: ranking and suppression.
#pragma once
#include "kernels/launch.cuh"
#include "kernels/nms/nms.h"
#include "kernels/ptx.cuh"

namespace cudet {

// ---- Ranking: the rank of a candidate, its position in the sorted order, is the number of candidates before it

// A block ranks kRanked candidates at a time, one per lane; warps divide the keys.
constexpr int kKeys = 1024;  // keys in shared memory at a time

struct RankShared {
  unsigned long long key[kKeys];
  int before[kWarps][kRanked];
};
static_assert(sizeof(RankShared) == kRankShared, "nms.h has its size");

// Sort key, ascending: by descending score, then by anchor. Scores are not negative, so their bits sort like the
// scores.
__device__ inline unsigned long long sort_key(const Candidate& c) {
  return static_cast<unsigned long long>(~__float_as_uint(c.score)) << 32 | static_cast<unsigned>(c.anchor);
}

__device__ inline void rank_tile(const NmsBatch& op, int image, int found, int first) {
  RankShared& shared = *reinterpret_cast<RankShared*>(shared_memory());
  const int room = min(op.capacity, Nms::kMaxCandidates);
  const Candidate* candidates = op.candidates + static_cast<std::size_t>(image) * op.capacity;
  Candidate* sorted = op.sorted + static_cast<std::size_t>(image) * room;
  const int thread = static_cast<int>(threadIdx.x), warp = thread / 32, lane = thread % 32, n = first + lane;

  const unsigned long long mine = n < found ? sort_key(candidates[n]) : 0;
  int before = 0;
  for (int start = 0; start < found; start += kKeys) {
    const int count = min(kKeys, found - start);
    __syncthreads();  // all have read the keys of the round before
    for (int k = thread; k < count; k += kThreads) shared.key[k] = sort_key(candidates[start + k]);
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

/// Ranks the runs of kRanked candidates number `first`, `first` + `step`, … of all images.
__device__ inline void rank_candidates(const NmsBatch& op, int first, int step) {
  const int tiles = (op.capacity + kRanked - 1) / kRanked;  // of an image
  for (int tile = first; tile < op.images * tiles; tile += step) {
    const int image = tile / tiles, candidate = tile % tiles * kRanked;
    const int found = op.found[image];
    if (candidate < found) rank_tile(op, image, found, candidate);
  }
}

// ---- Suppression: one block per image processes the sorted candidates in batches, one candidate per thread

// A candidate's box for IoU: moved apart from other classes unless `agnostic`.
struct ShiftedBox {
  float4 corners;  // x1, y1, x2, y2
  float area;
  int class_id;

  __device__ ShiftedBox(const Candidate& c, bool agnostic) : class_id(agnostic ? 0 : c.class_id) {
    const float shift = __fmul_rn(static_cast<float>(class_id), Nms::kClassShift);
    corners =
        make_float4(__fadd_rn(c.x1, shift), __fadd_rn(c.y1, shift), __fadd_rn(c.x2, shift), __fadd_rn(c.y2, shift));
    area = __fmul_rn(__fsub_rn(corners.z, corners.x), __fsub_rn(corners.w, corners.y));
  }
};

// Whether `a`, which is kept, suppresses `b`. Performs the operations of nms_reference with the same separate
// roundings.
__device__ inline bool suppresses(const ShiftedBox& a, const ShiftedBox& b, float iou) {
  if (a.class_id != b.class_id) return false;
  const float w = max(0.0f, __fsub_rn(min(a.corners.z, b.corners.z), max(a.corners.x, b.corners.x)));
  const float h = max(0.0f, __fsub_rn(min(a.corners.w, b.corners.w), max(a.corners.y, b.corners.y)));
  const float intersection = __fmul_rn(w, h);
  return __fdiv_rn(intersection, __fsub_rn(__fadd_rn(a.area, b.area), intersection)) > iou;
}

struct SuppressShared {
  ShiftedBox kept[kThreads], batch[kThreads];
  unsigned suppressed[kThreads]
                     [kWarps];  // row m: the later candidates of the batch that candidate m suppresses, as bits
  unsigned survivors[kWarps];   // the candidates of the batch that no earlier batch suppresses, as bits
};
static_assert(sizeof(SuppressShared) == kSuppressShared, "nms.h has its size");

__device__ inline void suppress_image(const NmsBatch& op, int image) {
  SuppressShared& shared = *reinterpret_cast<SuppressShared*>(shared_memory());
  const int room = min(op.capacity, Nms::kMaxCandidates), found = min(op.found[image], room);
  const Candidate* sorted = op.sorted + static_cast<std::size_t>(image) * room;
  Candidate* kept = op.kept + static_cast<std::size_t>(image) * room;
  const float iou = op.parameters->iou;
  const bool agnostic = op.parameters->agnostic != 0;
  const int max_detections = op.parameters->max_detections;
  const int thread = static_cast<int>(threadIdx.x), warp = thread / 32;

  int kept_count = 0;  // equal in all threads, as are all conditions on it
  for (int start = 0; start < found && kept_count < max_detections; start += kThreads) {
    const int count = found - start;  // candidates left; the batch may have fewer than kThreads
    const Candidate candidate = thread < count ? sorted[start + thread] : Candidate{};
    const ShiftedBox box(candidate, agnostic);
    bool survives = thread < count;

    for (int first = 0; first < kept_count; first += kThreads) {
      if (first + thread < kept_count) shared.kept[thread] = ShiftedBox(kept[first + thread], agnostic);
      __syncthreads();
      for (int m = 0; m < min(kThreads, kept_count - first) && survives; ++m)
        survives = !suppresses(shared.kept[m], box, iou);
      if (!__syncthreads_or(survives)) break;
    }

    shared.batch[thread] = box;
    const unsigned survivors = __ballot_sync(kWarp, survives);
    if (thread % 32 == 0) shared.survivors[warp] = survivors;
    __syncthreads();
    for (int word = 0; word < kWarps; ++word) {
      unsigned bits = 0;
      const int last = min(count, 32 * (word + 1));
      for (int m = survives ? max(thread + 1, 32 * word) : last; m < last; ++m)
        if (suppresses(box, shared.batch[m], iou)) bits |= 1u << m % 32;
      shared.suppressed[thread][word] = bits;
    }
    __syncthreads();

    // Every thread processes the survivors in order, so that it finds the position of its own candidate.
    int position = -1;
    unsigned left[kWarps];
    for (int word = 0; word < kWarps; ++word) left[word] = shared.survivors[word];
#pragma unroll
    for (int word = 0; word < kWarps; ++word)
      while (left[word] != 0 && kept_count < max_detections) {
        const int m = 32 * word + __ffs(static_cast<int>(left[word])) - 1;
        left[word] &= left[word] - 1;
#pragma unroll
        for (int later = word; later < kWarps; ++later) left[later] &= ~shared.suppressed[m][later];
        if (m == thread) position = kept_count;
        ++kept_count;
      }
    if (position >= 0) kept[position] = candidate;
    __syncthreads();  // kept[] can be read, and the batch can be overwritten
  }
  if (thread == 0) op.kept_count[image] = kept_count;
}

}  // namespace cudet
