#include <cuda_fp16.h>

#include <algorithm>
#include <cmath>

#include "kernels/detect_decode/detect_decode.h"
#include "kernels/launch.cuh"
#include "kernels/vector.cuh"

namespace cudet {
namespace {

constexpr int kSides = 4;  // threads that an anchor has: one a side of its box
constexpr int kAnchors = kThreads / kSides;
constexpr int kWarpAnchors = 32 / kSides;
// A tile is kAnchors anchors of one image, of whatever levels.
__host__ __device__ int tiles_of_image(const DetectDecode& op) {
  return (op.y.w + kAnchors - 1) / kAnchors;
}

// ---- Both kernels must come to the same bits: all that they compute is here, and nothing of it may be contracted.

// 1 where e^-x vanishes, 0 where it overflows.
__device__ float sigmoid(float x) {
  return __fdiv_rn(1.0f, __fadd_rn(1.0f, expf(-x)));
}

// The mean of a distribution over 0, 1, … given by its logits; NaN where a logit is.
template <class T>
__device__ float mean(const T* logits, int bins) {
  float most = static_cast<float>(logits[0]);
  for (int b = 1; b < bins; ++b) most = max(most, static_cast<float>(logits[b]));
  float total = 0, moment = 0;
  for (int b = 0; b < bins; ++b) {
    const float e = expf(__fsub_rn(static_cast<float>(logits[b]), most));
    total = __fadd_rn(total, e);
    moment = __fmaf_rn(static_cast<float>(b), e, moment);
  }
  return __fdiv_rn(moment, total);
}

struct Box {
  float x, y, width, height;  // x, y: of the centre
};

// The box of pixel `pixel` of a level, counted row by row, from its four threads' means. All lanes of the warp call
// this together.
__device__ Box box_of(const DetectDecode::Level& level, int pixel, float mean_of_side) {
  const float left = __shfl_sync(kWarp, mean_of_side, 0, kSides), top = __shfl_sync(kWarp, mean_of_side, 1, kSides);
  const float right = __shfl_sync(kWarp, mean_of_side, 2, kSides), bottom = __shfl_sync(kWarp, mean_of_side, 3, kSides);
  const float u = static_cast<float>(pixel % level.box.w) + 0.5f, v = static_cast<float>(pixel / level.box.w) + 0.5f;
  return {__fmul_rn(level.stride_x, __fadd_rn(u, __fmul_rn(__fsub_rn(right, left), 0.5f))),
          __fmul_rn(level.stride_y, __fadd_rn(v, __fmul_rn(__fsub_rn(bottom, top), 0.5f))),
          __fmul_rn(level.stride_x, __fadd_rn(left, right)), __fmul_rn(level.stride_y, __fadd_rn(top, bottom))};
}

// Where an anchor's numbers are.
template <class T>
struct Anchor {
  const DetectDecode::Level& level;
  int pixel;  // of the level, row by row
  const T *distributions, *logits;
};
template <class T>
__device__ Anchor<T> find(const DetectDecode& op, const Memory& memory, int image, int anchor) {
  int l = op.levels - 1;
  while (anchor < op.level[l].first_anchor) --l;
  const DetectDecode::Level& level = op.level[l];
  const int pixel = anchor - level.first_anchor;
  return {level, pixel, arena_data<T>(memory, level.box) + level.box.pixel(image, 0, pixel),
          arena_data<T>(memory, level.score) + level.score.pixel(image, 0, pixel)};
}

// ---- All of y

template <class T>
__device__ void decode_tile(const DetectDecode& op, const Memory& memory, int tile) {
  const int thread = static_cast<int>(threadIdx.x), lane = thread % 32, side = thread % kSides;
  const int image = tile / tiles_of_image(op), first = tile % tiles_of_image(op) * kAnchors;
  float* y = arena_data<float>(memory, op.y);

  const int anchor = first + thread / kSides;
  const bool inside = anchor < op.y.w;
  const Anchor<T> at = find<T>(op, memory, image, inside ? anchor : 0);
  const Box box = box_of(at.level, at.pixel, mean(at.distributions + side * op.bins, op.bins));
  if (inside)
    y[op.y.pixel(image, 0, anchor) + side] = side == 0 ? box.x : side == 1 ? box.y : side == 2 ? box.width : box.height;

  // Scores: an anchor after the other by the whole warp, so that it writes neighbours.
  const int warp_first = first + thread / 32 * kWarpAnchors;
  for (int a = warp_first; a < min(warp_first + kWarpAnchors, op.y.w); ++a) {
    const T* logits = find<T>(op, memory, image, a).logits;
    float* scores = y + op.y.pixel(image, 0, a) + 4;
    for (int k = lane; k < op.y.c - 4; k += 32) scores[k] = sigmoid(static_cast<float>(logits[k]));
  }
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    decode_kernel(const __grid_constant__ DetectDecode op, const __grid_constant__ Memory memory) {
  for (int tile = static_cast<int>(blockIdx.x); tile < op.y.n * tiles_of_image(op); tile += static_cast<int>(gridDim.x))
    decode_tile<T>(op, memory, tile);
}

// ---- Candidates

struct Found {
  const NmsParameters* parameters;
  const std::uint8_t* wanted;
  Candidate* candidates;
  int* count;
};

// No logit below this has a sigmoid of `score` or more: where that nears 1 the sigmoid's own roundings, less than
// 2^-22, decide, elsewhere those of the exponential and of this logarithm, far less than 0.01. NaN, which nothing is
// below, where `score` is negative.
__device__ float least_logit(float score) {
  return logf(score / (1.0f - score + 0x1p-22f)) - 0.01f;
}

__device__ bool finite(float x) {
  return (__float_as_uint(x) & 0x7f800000u) != 0x7f800000u;
}

// The best class of an anchor, by its four threads.
struct Best {
  float score;
  int class_id;
  bool sound;  // no score is NaN

  // Takes in the three others' bests. All lanes of the warp call this together.
  __device__ void join() {
    for (int lanes = 1; lanes < kSides; lanes *= 2) {
      const float other = __shfl_xor_sync(kWarp, score, lanes);
      const int other_class = __shfl_xor_sync(kWarp, class_id, lanes);
      const int other_sound = __shfl_xor_sync(kWarp, sound ? 1 : 0, lanes);
      sound = sound && other_sound != 0;
      if (other > score || (other == score && other_class < class_id)) score = other, class_id = other_class;
    }
  }
};

// Nearly no anchor is a candidate, so first come the cheap tests that say so; what goes on past them is decided by the
// numbers that decode_tile would write.
template <class V>
__device__ void candidates_tile(const DetectDecode& op, const Memory& memory, const Found& found, int tile) {
  using T = typename V::Element;
  const int thread = static_cast<int>(threadIdx.x), lane = thread % 32, side = thread % kSides;
  const int image = tile / tiles_of_image(op), anchor = tile % tiles_of_image(op) * kAnchors + thread / kSides;
  const int classes = op.y.c - 4;
  const float confidence = found.parameters->confidence;

  const bool inside = anchor < op.y.w;
  const Anchor<T> at = find<T>(op, memory, image, inside ? anchor : 0);
  float most = -INFINITY;
  for (int k = side * V::kLanes; k < classes; k += kSides * V::kLanes) {
    float logit[V::kLanes];
    V::load(at.logits + k).unpack(logit);
    for (int l = 0; l < V::kLanes; ++l) most = max(most, logit[l]);  // NaN is passed over
  }
  for (int lanes = 1; lanes < kSides; lanes *= 2) most = max(most, __shfl_xor_sync(kWarp, most, lanes));
  bool passes = inside && !(most < least_logit(confidence));
  if (__any_sync(kWarp, passes) == 0) return;

  Best best{-1, 0, true};
  if (passes) {
    const float least = least_logit(sigmoid(most));
    for (int k = side; k < classes; k += kSides) {
      const float logit = static_cast<float>(at.logits[k]);
      if (logit < least) continue;
      const float score = sigmoid(logit);
      if (!finite(score)) best.sound = false;
      if (score > best.score) best.score = score, best.class_id = k;
    }
  }
  best.join();
  passes = passes && best.sound && best.score > confidence && (!found.wanted || found.wanted[best.class_id] != 0);
  if (__any_sync(kWarp, passes) == 0) return;

  const Box box = box_of(at.level, at.pixel, passes ? mean(at.distributions + side * op.bins, op.bins) : 0);
  const float half_width = __fmul_rn(box.width, 0.5f), half_height = __fmul_rn(box.height, 0.5f);
  const Candidate candidate{__fsub_rn(box.x, half_width),
                            __fsub_rn(box.y, half_height),
                            __fadd_rn(box.x, half_width),
                            __fadd_rn(box.y, half_height),
                            best.score,
                            best.class_id,
                            anchor};
  passes = passes && finite(candidate.x1) && finite(candidate.y1) && finite(candidate.x2) && finite(candidate.y2);

  const unsigned writers = __ballot_sync(kWarp, passes && side == 0);
  int place = lane == 0 ? atomicAdd(found.count + image, __popc(writers)) : 0;
  place = __shfl_sync(kWarp, place, 0) + __popc(writers & ((1u << lane) - 1));
  if (passes && side == 0) found.candidates[static_cast<std::size_t>(image) * op.y.w + place] = candidate;
}

template <class V>
__global__ void __launch_bounds__(kThreads)
    candidates_kernel(const __grid_constant__ DetectDecode op, const __grid_constant__ Memory memory,
                      const __grid_constant__ Found found) {
  for (int tile = static_cast<int>(blockIdx.x); tile < op.y.n * tiles_of_image(op); tile += static_cast<int>(gridDim.x))
    candidates_tile<V>(op, memory, found, tile);
}

int blocks(const DetectDecode& op, const CudaStream& on) {
  return std::min(op.y.n * tiles_of_image(op), kBlocksEach * on.multiprocessors);
}

}  // namespace

void detect_decode_cuda(const DetectDecode& op, const Memory& memory, const CudaStream& on) {
  const auto kernel = op.level[0].score.type == Type::f16 ? decode_kernel<__half> : decode_kernel<float>;
  launch("detect_decode", on, blocks(op, on), 0, kernel, op, memory);
}

void detect_candidates_cuda(const DetectDecode& op, const Memory& memory, const NmsParameters* parameters,
                            const std::uint8_t* wanted, Candidate* candidates, int* found, const CudaStream& on) {
  check(cudaMemsetAsync(found, 0, op.y.n * sizeof(int), on.stream), "detect_candidates");
  const bool whole = std::all_of(op.level, op.level + op.levels,
                                 [](const DetectDecode::Level& level) { return vectorizable(level.score); });
  with_vector(op.level[0].score.type, whole, [&](auto vector) {
    launch("detect_candidates", on, blocks(op, on), 0, candidates_kernel<decltype(vector)>, op, memory,
           Found{parameters, wanted, candidates, found});
  });
}

}  // namespace cudet
