// The end of YOLOv8's Detect head: converts distributions to boxes and logits to scores.
#pragma once
#include "kernels/nms/nms.h"
#include "kernels/step_info.h"
#include "kernels/vectors.h"

namespace cudet {

/// For each level l and each of its pixels (v, u), anchor point (u + ½, v + ½):
///   d(side) = Σ_b b · softmax_b(box(i, v, u, side·R + b)), sides left, top, right, bottom, R = regression bins (DFL,
///             "Generalized Focal Loss", arXiv 2006.04388, section 3)
///   y(i, 0, a, 0..3) = centre x, centre y, width, height, in pixels of the network's input
///                    = stride · (u + ½ + (d₂ − d₀)/2, v + ½ + (d₃ − d₁)/2, d₀ + d₂, d₁ + d₃)
///   y(i, 0, a, 4 + k) = σ(score(i, v, u, k))
/// where a counts the pixels of level 0 row by row, then those of level 1, … A NaN in a distribution or a logit makes
/// the result NaN.
struct DetectDecode {
  static constexpr const char* kName = "detect_decode";
  static constexpr int kMaxLevels = 8;
  static constexpr int kTileAnchors = 32;  // of a tile on CUDA
  struct Level {
    Tensor box;                // N, H, W, 4·R
    Tensor score;              // N, H, W, classes
    float stride_y, stride_x;  // input pixels from one pixel of the level to the next
    int first_anchor;          // index of its first pixel among all anchors
    int first_tile;            // index of its first row among an image's tiles
  };
  Level level[kMaxLevels];
  int levels, bins;
  Tensor y;  // N, 1, anchors, 4 + classes
  int rows;  // sum over all levels

  /// One tile per row of a level, image by image; in each image the rows of level 0, then those of level 1, …
  CUDET_HD int tiles() const { return y.n * rows; }
  /// Tiles per image on CUDA: kTileAnchors anchors, of any levels.
  CUDET_HD int anchor_tiles() const { return ceil_div(y.w, kTileAnchors); }
};

void run_reference(const DetectDecode&, const Memory&);                           // f32
void detect_decode_cpu(const DetectDecode&, const Memory&, int first, int last);  // f32; tiles [first, last)
/// Where the candidates for detections go; all in device memory.
struct CandidateOutput {
  const NmsParameters* parameters;
  const std::uint8_t* wanted;  // a flag per class, or null
  Candidate* candidates;       // y.n, y.w
  int* found;                  // y.n: number of candidates; then y.n: not 0 if a score or a candidate's box is NaN or
                               // infinite, so that its anchor is dropped
};
/// Decodes only the candidates for detections, in any order: per image, each anchor whose best class is above the
/// threshold and wanted (nms.h has the rule). Sets output.found. op.y is not written. Throws Error if CUDA refuses the
/// launch.
void detect_candidates_cuda(const DetectDecode& op, const Memory&, const CandidateOutput& output, const CudaStream&);
/// Whether the search for candidates reads scores in vectors of 16 bytes.
inline bool has_vectors(const DetectDecode& op) {
  for (int l = 0; l < op.levels; ++l)
    if (!vectorizable(op.level[l].score)) return false;
  return true;
}
/// Computes all of y.
void detect_decode_cuda(const DetectDecode&, const Memory&, const CudaStream&);  // x f32 or f16, y f32

StepInfo describe(const DetectDecode&);
void parse_shape(ShapeParser&, DetectDecode&);

}  // namespace cudet
