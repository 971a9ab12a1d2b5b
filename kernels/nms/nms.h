// Non-maximum suppression: the boxes that stay, in order of score. As Ultralytics' non_max_suppression, one class a
// box.
#pragma once
#include <cstddef>
#include <cstdint>

namespace cudet {

struct CudaStream;  // kernels/launch.cuh

/// A box that passed the threshold, in pixels of the network's input.
struct Candidate {
  float x1, y1, x2, y2, score;
  int class_id, anchor;
};

/// Per anchor the class of the highest score (the lowest index of equals) counts, where that score is above
/// `confidence` and the class is wanted. Of the kMaxCandidates best by score, then anchor index, each stays whose
/// IoU with every one that stayed before it (of its class, or of any class if `agnostic`) is at most `iou`;
/// `max_detections` of them at most. IoU is f32, as torchvision's nms has it, and unless `agnostic` of boxes moved by
/// kClassShift pixels a class: that is how Ultralytics keeps classes apart, and its rounding decides at the threshold.
/// Of two boxes without area IoU is NaN, and both stay. An anchor with a corner or a score that is not finite is
/// dropped.
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

/// What one call wants of the detections; in device memory, so that one captured graph serves every call.
struct NmsParameters {
  float confidence, iou;
  int max_detections, agnostic;
};

/// NMS of a batch on the device, of candidates that passed the threshold. All pointers are the device's.
struct NmsBatch {
  int images, capacity;             // capacity: room for candidates, each image
  const NmsParameters* parameters;  // one
  const Candidate* candidates;      // images, capacity; in any order
  const int* found;                 // images: how many there are
  Candidate* sorted;                // images, min(capacity, kMaxCandidates): scratch
  Candidate* kept;                  // images, min(capacity, kMaxCandidates): those that stay, in order
  int* kept_count;                  // images
};

/// The boxes that stay are the first of `candidates` (room for one an anchor), in order; returns how many.
int nms_reference(const Nms&, Candidate* candidates);
int nms_cpu(const Nms&, Candidate* candidates);
/// As nms_cpu of the rows that the candidates came from, to the bit.
void nms_cuda(const NmsBatch&, const CudaStream&);

}  // namespace cudet
