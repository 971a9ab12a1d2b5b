// Tiles of DetectDecode and of the search for candidates.
#pragma once
#include <cuda_fp16.h>

#include <cmath>

#include "kernels/detect_decode/detect_decode.h"
#include "kernels/launch.cuh"
#include "kernels/vector.cuh"

namespace cudet {

constexpr int kSides = 4;  // threads per anchor: one per side of its box
constexpr int kAnchors = DetectDecode::kTileAnchors;
static_assert(kAnchors == kThreads / kSides, "a tile is one block's anchors");
constexpr int kWarpAnchors = 32 / kSides;

// ---- Both kernels must compute the same bits, so they share these functions, in which no multiply-adds are
// contracted.

// 1 if e^-x underflows, 0 if it overflows.
__device__ inline float sigmoid(float x) {
  return __fdiv_rn(1.0f, __fadd_rn(1.0f, expf(-x)));
}

// The mean of a distribution over 0, 1, … given by its logits; NaN if a logit is NaN.
template <class T>
__device__ float mean(const T* logits, int bins) {
  float max_logit = static_cast<float>(logits[0]);
  for (int b = 1; b < bins; ++b) max_logit = max(max_logit, static_cast<float>(logits[b]));
  float total = 0, moment = 0;
  for (int b = 0; b < bins; ++b) {
    const float e = expf(__fsub_rn(static_cast<float>(logits[b]), max_logit));
    total = __fadd_rn(total, e);
    moment = __fmaf_rn(static_cast<float>(b), e, moment);
  }
  return __fdiv_rn(moment, total);
}

struct DecodedBox {
  float x, y, width, height;  // x, y: the centre
};

// The box of pixel `pixel` of a level, counted row by row, from the means of its four threads. All lanes of the warp
// call this together.
__device__ inline DecodedBox anchor_box(const DetectDecode::Level& level, int pixel, float side_mean) {
  const float left = __shfl_sync(kWarp, side_mean, 0, kSides), top = __shfl_sync(kWarp, side_mean, 1, kSides);
  const float right = __shfl_sync(kWarp, side_mean, 2, kSides), bottom = __shfl_sync(kWarp, side_mean, 3, kSides);
  const float u = static_cast<float>(pixel % level.box.w) + 0.5f, v = static_cast<float>(pixel / level.box.w) + 0.5f;
  return {__fmul_rn(level.stride_x, __fadd_rn(u, __fmul_rn(__fsub_rn(right, left), 0.5f))),
          __fmul_rn(level.stride_y, __fadd_rn(v, __fmul_rn(__fsub_rn(bottom, top), 0.5f))),
          __fmul_rn(level.stride_x, __fadd_rn(left, right)), __fmul_rn(level.stride_y, __fadd_rn(top, bottom))};
}

// An anchor's position, and the addresses of its inputs.
template <class T>
struct Anchor {
  const DetectDecode::Level& level;
  int pixel;  // of the level, row by row
  const T *distributions, *logits;
};
template <class T>
__device__ Anchor<T> find_anchor(const DetectDecode& op, const Memory& memory, int image, int anchor) {
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
  const int image = tile / op.anchor_tiles(), first = tile % op.anchor_tiles() * kAnchors;
  float* y = arena_data<float>(memory, op.y);

  const int anchor = first + thread / kSides;
  const bool inside = anchor < op.y.w;
  const Anchor<T> at = find_anchor<T>(op, memory, image, inside ? anchor : 0);
  const DecodedBox box = anchor_box(at.level, at.pixel, mean(at.distributions + side * op.bins, op.bins));
  if (inside)
    y[op.y.pixel(image, 0, anchor) + side] = side == 0 ? box.x : side == 1 ? box.y : side == 2 ? box.width : box.height;

  // Scores: the whole warp processes one anchor after the other, so that it writes neighbouring elements.
  const int warp_first = first + thread / 32 * kWarpAnchors;
  for (int a = warp_first; a < min(warp_first + kWarpAnchors, op.y.w); ++a) {
    const T* logits = find_anchor<T>(op, memory, image, a).logits;
    float* scores = y + op.y.pixel(image, 0, a) + 4;
    for (int k = lane; k < op.y.c - 4; k += 32) scores[k] = sigmoid(static_cast<float>(logits[k]));
  }
}

// ---- Candidates

// Returns a lower bound: the sigmoid of every smaller logit is less than `score`. The margins cover rounding errors:
// near 1 those of the sigmoid itself, less than 2^-22; elsewhere those of the exponential and of this logarithm, far
// less than 0.01. NaN if `score` is negative; no logit is less than NaN.
__device__ inline float min_logit(float score) {
  return logf(score / (1.0f - score + 0x1p-22f)) - 0.01f;
}

__device__ inline bool is_finite(float x) {
  return (__float_as_uint(x) & 0x7f800000u) != 0x7f800000u;
}

// The best class of an anchor among those that a thread, or its four threads, have seen.
struct Best {
  float score;
  int class_id;
  bool finite;  // whether all scores are finite

  // Combines the best classes of the anchor's four threads. All lanes of the warp call this together.
  __device__ void combine() {
    for (int lanes = 1; lanes < kSides; lanes *= 2) {
      const float other = __shfl_xor_sync(kWarp, score, lanes);
      const int other_class = __shfl_xor_sync(kWarp, class_id, lanes);
      const int other_finite = __shfl_xor_sync(kWarp, finite ? 1 : 0, lanes);
      finite = finite && other_finite != 0;
      if (other > score || (other == score && other_class < class_id)) score = other, class_id = other_class;
    }
  }
};

// Very few anchors are candidates, so cheap tests come first. Anchors that pass them are tested with the values that
// decode_tile would write.
template <class V>
__device__ void candidates_tile(const DetectDecode& op, const Memory& memory, const CandidateOutput& output, int tile) {
  using T = typename V::Element;
  const int thread = static_cast<int>(threadIdx.x), lane = thread % 32, side = thread % kSides;
  const int image = tile / op.anchor_tiles(), anchor = tile % op.anchor_tiles() * kAnchors + thread / kSides;
  const int classes = op.y.c - 4;
  const float confidence = output.parameters->confidence;

  const bool inside = anchor < op.y.w;
  const Anchor<T> at = find_anchor<T>(op, memory, image, inside ? anchor : 0);
  float max_logit = -INFINITY;
  bool nan = false;
  for (int k = side * V::kLanes; k < classes; k += kSides * V::kLanes) {
    float logit[V::kLanes];
    V::load(at.logits + k).unpack(logit);
    for (int l = 0; l < V::kLanes; ++l) {
      max_logit = max(max_logit, logit[l]);  // ignores NaN
      nan = nan || logit[l] != logit[l];
    }
  }
  if (__any_sync(kWarp, nan && inside) && lane == 0) atomicAdd(output.found + op.y.n + image, 1);
  for (int lanes = 1; lanes < kSides; lanes *= 2) max_logit = max(max_logit, __shfl_xor_sync(kWarp, max_logit, lanes));
  bool passes = inside && !(max_logit < min_logit(confidence));
  if (__any_sync(kWarp, passes) == 0) return;

  Best best{-1, 0, true};
  if (passes) {
    const float bound = min_logit(sigmoid(max_logit));
    for (int k = side; k < classes; k += kSides) {
      const float logit = static_cast<float>(at.logits[k]);
      if (logit < bound) continue;
      const float score = sigmoid(logit);
      if (!is_finite(score)) best.finite = false;
      if (score > best.score) best.score = score, best.class_id = k;
    }
  }
  best.combine();
  passes = passes && best.finite && best.score > confidence && (!output.wanted || output.wanted[best.class_id] != 0);
  if (__any_sync(kWarp, passes) == 0) return;

  const DecodedBox box = anchor_box(at.level, at.pixel, passes ? mean(at.distributions + side * op.bins, op.bins) : 0);
  const float half_width = __fmul_rn(box.width, 0.5f), half_height = __fmul_rn(box.height, 0.5f);
  const Candidate candidate{__fsub_rn(box.x, half_width),
                            __fsub_rn(box.y, half_height),
                            __fadd_rn(box.x, half_width),
                            __fadd_rn(box.y, half_height),
                            best.score,
                            best.class_id,
                            anchor};
  const bool finite =
      is_finite(candidate.x1) && is_finite(candidate.y1) && is_finite(candidate.x2) && is_finite(candidate.y2);
  if (__any_sync(kWarp, passes && !finite) && lane == 0) atomicAdd(output.found + op.y.n + image, 1);
  passes = passes && finite;

  const unsigned writers = __ballot_sync(kWarp, passes && side == 0);
  int position = lane == 0 ? atomicAdd(output.found + image, __popc(writers)) : 0;
  position = __shfl_sync(kWarp, position, 0) + __popc(writers & ((1u << lane) - 1));
  if (passes && side == 0) output.candidates[static_cast<std::size_t>(image) * op.y.w + position] = candidate;
}

}  // namespace cudet
