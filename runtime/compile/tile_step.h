// A step as blocks of the persistent kernel read it: plain data. nvcc reads this header too, in C++17.
#pragma once
#include "kernels/add/add.h"
#include "kernels/conv2d/cuda/plan.h"
#include "kernels/conv_transpose2d/conv_transpose2d.h"
#include "kernels/detect_decode/detect_decode.h"
#include "kernels/dysample/conv_dysample_plan.h"
#include "kernels/max_pool/chain_tiling.h"
#include "kernels/pad/pad.h"
#include "kernels/resize_bilinear/resize_bilinear.h"
#include "kernels/upsample/upsample.h"

namespace cudet {

/// What a tile computes. An operator that computes one vector per thread has two: in vectors of 16 bytes and in
/// elements.
enum class TileOp : unsigned char {
  conv2d,
  general_conv2d,
  conv_dysample,
  max_pool_chain,
  clear_candidates,
  candidates,
  rank,
  suppress,
  upsample,
  max_pool,
  dysample,
  add,
  pad,
  resize_bilinear,
  conv_transpose2d
};

/// The tiles of an operator that computes one vector per thread. There is no default: one that is missing here does not
/// compile.
template <class Op>
struct VectorTileOp;
template <TileOp op>
struct IsTileOp {
  static constexpr TileOp value = op;
};
template <>
struct VectorTileOp<Upsample> : IsTileOp<TileOp::upsample> {};
template <>
struct VectorTileOp<MaxPool> : IsTileOp<TileOp::max_pool> {};
template <>
struct VectorTileOp<DySample> : IsTileOp<TileOp::dysample> {};
template <>
struct VectorTileOp<Add> : IsTileOp<TileOp::add> {};
template <>
struct VectorTileOp<Pad> : IsTileOp<TileOp::pad> {};
template <>
struct VectorTileOp<ResizeBilinear> : IsTileOp<TileOp::resize_bilinear> {};
template <>
struct VectorTileOp<ConvTranspose2d> : IsTileOp<TileOp::conv_transpose2d> {};

/// The instance of the code that runs a tile. `variant`: of conv2d, the kind; of operators with vectors, whether they
/// are of 16 bytes.
struct TileType {
  TileOp op;
  unsigned char variant = 0, pixel_blocks = 0, channels = 0;

  CUDET_HD constexpr int number() const {
    return static_cast<int>(op) | variant << 8 | pixel_blocks << 16 | channels << 24;
  }
};
constexpr TileType conv2d_tile_type(Conv2dKind kind, int pixel_blocks, int channels) {
  return {TileOp::conv2d, static_cast<unsigned char>(kind), static_cast<unsigned char>(pixel_blocks),
          static_cast<unsigned char>(channels)};
}

// ---- Operands. `tiles` tiles of an operator whose tiles are short run `per_ticket` at a time.

template <class Op>
struct VectorOperands {
  Op op;
  int tiles, per_ticket;
};
struct Conv2dOperands {
  Conv2d op;
  Conv2dCudaPlan plan;
  std::size_t shares;  // offset of its shares of split sums, bytes
  unsigned counters;   // index of its first counter of split sums
};
struct GeneralConv2dOperands {
  Conv2d op;
  Conv2dCudaPlan plan;
  int tiles, per_ticket;  // a tile is kThreads outputs
};
struct ConvDySampleOperands {
  ConvDySample op;
  ConvDySamplePlan plan;
};
struct MaxPoolChainOperands {
  MaxPoolChain op;
  ChainTiling tiling;
};
struct ClearOperands {
  int* found;
  int count;
};
struct CandidateOperands {
  DetectDecode op;
  CandidateOutput output;
  int tiles, per_ticket;
};
struct RankOperands {
  NmsBatch op;
  int tickets;  // each ranks every `tickets`-th run of candidates
};

// ---- Steps

struct alignas(16) TileStep {
  static constexpr std::size_t kOperandBytes = 880;
  int type;                           // TileType::number() of its tiles
  unsigned first_ticket, end_ticket;  // its tiles
  int first_wait, waits;              // the steps that it waits for
  alignas(16) unsigned char operands[kOperandBytes];
};

/// A step that must end before another one starts.
struct TileWait {
  int step;
  unsigned tiles;  // number of its tiles
};

}  // namespace cudet
