// All tiles that the persistent kernel can run. They are those of the operators' own kernels.
#pragma once
#include <type_traits>
#include <utility>

#include "kernels/add/tile.cuh"
#include "kernels/conv2d/cuda/general.cuh"
#include "kernels/conv_transpose2d/tile.cuh"
#include "kernels/detect_decode/tile.cuh"
#include "kernels/dysample/conv_dysample_tile.cuh"
#include "kernels/dysample/tile.cuh"
#include "kernels/max_pool/tile.cuh"
#include "kernels/nms/tile.cuh"
#include "kernels/pad/tile.cuh"
#include "kernels/ptx.cuh"
#include "kernels/resize_bilinear/tile.cuh"
#include "kernels/upsample/tile.cuh"
#include "runtime/cuda/persistent/arguments.h"

namespace cudet {

// Each type has kType, and run(), which computes the tile of a ticket: `ticket` counts from the step's first.

template <class T, Conv2dKind kind, int pixel_blocks, int channels>
struct ConvTickets {
  static constexpr TileType kType = conv2d_tile_type(kind, pixel_blocks, channels);
  static __device__ __attribute__((noinline)) void run(const Conv2dOperands& o, const PersistentArguments& a,
                                                       int ticket) {
    const Conv2dScratch scratch{a.counters + o.counters, reinterpret_cast<float4*>(a.shares + o.shares)};
    conv2d_tile<T, kind, pixel_blocks, channels>(o.op, a.memory, o.plan, scratch, ticket);
  }
};

/// Calls tile(index) for the tiles of a ticket.
template <class Operands, class F>
__device__ __forceinline__ void for_tiles(const Operands& o, int ticket, F tile) {
  const int first = ticket * o.per_ticket, last = min(first + o.per_ticket, o.tiles);
  for (int i = first; i < last; ++i) tile(i);
}

template <class T>
struct GeneralConvTickets {
  static constexpr TileType kType{TileOp::general_conv2d};
  static __device__ __forceinline__ void run(const GeneralConv2dOperands& o, const PersistentArguments& a, int ticket) {
    for_tiles(o, ticket,
              [&](int i) { conv2d_general_tile<T>(o.op, a.memory, o.plan, static_cast<long>(i) * kThreads); });
  }
};

template <class Op, class V>
struct VectorTickets {
  static constexpr TileType kType{VectorTileOp<Op>::value, V::kLanes > 1};
  static __device__ __forceinline__ void run(const VectorOperands<Op>& o, const PersistentArguments& a, int ticket) {
    for_tiles(o, ticket, [&](int i) { VectorTile<Op, V>::run(o.op, a.memory, i); });
  }
};

template <class T>
struct PoolChainTickets {
  static constexpr TileType kType{TileOp::max_pool_chain};
  static __device__ __forceinline__ void run(const MaxPoolChainOperands& o, const PersistentArguments& a, int ticket) {
    ChainTile<Vector<T>>(o.op, o.tiling, a.memory, ticket).run();
  }
};

template <class T, int channels>
struct ConvDySampleTickets {
  static constexpr TileType kType{TileOp::conv_dysample, 0, 0, channels};
  static __device__ __attribute__((noinline)) void run(const ConvDySampleOperands& o, const PersistentArguments& a,
                                                       int ticket) {
    conv_dysample_tile<T, channels>(o.op, a.memory, o.plan, ticket);
  }
};

struct ClearTickets {
  static constexpr TileType kType{TileOp::clear_candidates};
  static __device__ __forceinline__ void run(const ClearOperands& o, const PersistentArguments&, int) {
    for (int i = static_cast<int>(threadIdx.x); i < o.count; i += kThreads) o.found[i] = 0;
  }
};

template <class V>
struct CandidateTickets {
  static constexpr TileType kType{TileOp::candidates, V::kLanes > 1};
  static __device__ __forceinline__ void run(const CandidateOperands& o, const PersistentArguments& a, int ticket) {
    for_tiles(o, ticket, [&](int i) { candidates_tile<V>(o.op, a.memory, o.output, i); });
  }
};

struct RankTickets {
  static constexpr TileType kType{TileOp::rank};
  static __device__ __forceinline__ void run(const RankOperands& o, const PersistentArguments&, int ticket) {
    rank_candidates(o.op, ticket, o.tickets);
  }
};

struct SuppressTickets {
  static constexpr TileType kType{TileOp::suppress};
  static __device__ __forceinline__ void run(const NmsBatch& op, const PersistentArguments&, int ticket) {
    suppress_image(op, ticket);
  }
};

// ---- The list of all types

template <class Operands>
__device__ const Operands& operands_of(void (*)(const Operands&, const PersistentArguments&, int),
                                       const TileStep& step) {
  return *reinterpret_cast<const Operands*>(step.operands);
}

template <class... Tickets>
struct TileTypes {
  /// Runs the tile of a ticket of this step. If its type is not in the list, which is an error of the host's code,
  /// marks the results as not valid.
  static __device__ __forceinline__ void run(const TileStep& step, const PersistentArguments& a, int ticket) {
    const bool known =
        ((step.type == Tickets::kType.number() && (Tickets::run(operands_of(Tickets::run, step), a, ticket), true)) ||
         ...);
    if (!known) store_release(&a.progress->stopped, 1);
  }
};

template <class... Lists>
struct Join;
template <class... A>
struct Join<TileTypes<A...>> {
  using Type = TileTypes<A...>;
};
template <class... A, class... B, class... Rest>
struct Join<TileTypes<A...>, TileTypes<B...>, Rest...> {
  using Type = typename Join<TileTypes<A..., B...>, Rest...>::Type;
};

template <bool exists, class Tickets>
using If = std::conditional_t<exists, TileTypes<Tickets>, TileTypes<>>;
template <class T, Conv2dKind kind, int pixel_blocks, std::size_t... width>
auto conv_types(std::index_sequence<width...>) ->
    typename Join<If<conv2d_has_pixel_blocks(type_of<T>, kind, pixel_blocks) &&
                         conv2d_has_width(type_of<T>, kConv2dBlockWidths[width]),
                     ConvTickets<T, kind, pixel_blocks, kConv2dBlockWidths[width]>>...>::Type;
template <class T, std::size_t... width>
auto conv_dysample_types(std::index_sequence<width...>) ->
    typename Join<If<conv2d_has_width(type_of<T>, kConv2dBlockWidths[width]),
                     ConvDySampleTickets<T, kConv2dBlockWidths[width]>>...>::Type;

using Widths = std::make_index_sequence<std::size(kConv2dBlockWidths)>;
template <class T, Conv2dKind kind>
using ConvTypes =
    typename Join<decltype(conv_types<T, kind, 1>(Widths{})), decltype(conv_types<T, kind, 2>(Widths{}))>::Type;
template <class T, class Op>
using VectorTypes = TileTypes<VectorTickets<Op, Vector<T>>, VectorTickets<Op, Vector<T, 1>>>;

/// All tiles of a network whose activations are T: float or __half.
template <class T>
using NetworkTiles = typename Join<
    ConvTypes<T, Conv2dKind::conv3x3>, ConvTypes<T, Conv2dKind::pointwise>, ConvTypes<T, Conv2dKind::conv3x3_stride2>,
    std::conditional_t<sizeof(T) == 2, ConvTypes<T, Conv2dKind::stem>, TileTypes<>>, TileTypes<GeneralConvTickets<T>>,
    decltype(conv_dysample_types<T>(Widths{})), VectorTypes<T, Upsample>, TileTypes<PoolChainTickets<T>>,
    VectorTypes<T, MaxPool>, VectorTypes<T, DySample>, VectorTypes<T, Add>, VectorTypes<T, Pad>,
    VectorTypes<T, ResizeBilinear>, VectorTypes<T, ConvTranspose2d>,
    TileTypes<ClearTickets, CandidateTickets<Vector<T>>, CandidateTickets<Vector<T, 1>>, RankTickets,
              SuppressTickets>>::Type;

}  // namespace cudet
