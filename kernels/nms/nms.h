// Non-maximum suppression: keeps boxes in order of score. Equals Ultralytics' non_max_suppression with one class per
// box.
#pragma once
#include <cstddef>
#include <cstdint>

namespace cudet {

struct CudaStream;  // kernels/launch.cuh

/// A box above the confidence threshold, in pixels of the network's input.
struct Candidate {
  float x1, y1, x2, y2, score;
  int class_id, anchor;
};

/// The class of an anchor is the one with the highest score, the lowest class of equal ones. An anchor is a candidate
/// if this score is above `confidence` and the class is wanted. Candidates are ordered by score, then anchor index;
/// only the first kMaxCandidates are used. In this order a candidate is kept if its IoU with every kept one (of its
/// class, or of any class if `agnostic`) is at most `iou`, until `max_detections` are kept. IoU is computed in f32 as
/// in torchvision's nms. Unless `agnostic`, boxes are first moved by kClassShift pixels times their class: Ultralytics
/// separates classes in this way, and its rounding affects IoUs near the threshold. The IoU of two boxes without area
/// is NaN, and both are kept. An anchor with a corner or a score that is not finite is dropped.
struct Nms {
  static constexpr int kMaxCandidates = 30000;
  static constexpr float kClassShift = 7680;
  const float* rows;  // anchors, 4 + classes: centre x, centre y, width, height, then scores
  int anchors, classes;
  const std::uint8_t* wanted;  // classes flags, or null for all
  float confidence, iou;
  bool agnostic;
  int max_detections;
};

/// The options of one call, in device memory, so that one captured graph serves every call.
struct NmsParameters {
  float confidence, iou;
  int max_detections, agnostic;
};

/// NMS of a batch on the device, for candidates above the threshold. All pointers are to device memory.
struct NmsBatch {
  int images, capacity;             // capacity: maximum candidates per image
  const NmsParameters* parameters;  // one
  const Candidate* candidates;      // images, capacity; in any order
  const int* found;                 // images: number of candidates
  Candidate* sorted;                // images, min(capacity, kMaxCandidates): scratch
  Candidate* kept;                  // images, min(capacity, kMaxCandidates): the kept ones, in order
  int* kept_count;                  // images
};

/// How the CUDA kernels divide NMS: runs of kRanked candidates, and images; bytes of a block's shared memory.
constexpr int kRanked = 32;
constexpr std::size_t kRankShared = 8704, kSuppressShared = 10256;

/// Writes the kept boxes to the start of `candidates` (room for one per anchor), in order; returns their number.
int nms_reference(const Nms&, Candidate* candidates);
int nms_cpu(const Nms&, Candidate* candidates);
/// Whether all values of the rows are finite.
bool nms_rows_are_finite(const Nms&);
/// Equals, bit for bit, nms_cpu on the rows from which the candidates were decoded. Throws Error if CUDA refuses the
/// launch.
void nms_cuda(const NmsBatch&, const CudaStream&);

}  // namespace cudet
