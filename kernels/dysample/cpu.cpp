#include <algorithm>
#include <cstdint>
#include <cstring>

#include "kernels/dysample/dysample.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/dysample/cpu.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/activation-inl.h"

HWY_BEFORE_NAMESPACE();
namespace cudet {
namespace HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

template <class D>
HWY_INLINE hn::Vec<D> load(D d, const float* from) {
  return hn::LoadU(d, from);
}
template <class D>
HWY_INLINE hn::Vec<D> load(D d, const std::uint8_t* from) {
  const hn::RebindToSigned<D> ints;
  return hn::ConvertTo(d, hn::PromoteTo(ints, hn::LoadU(hn::Rebind<std::uint8_t, D>(), from)));
}
template <class D>
HWY_INLINE void store(D d, hn::Vec<D> value, float* to) {
  hn::StoreU(value, d, to);
}
template <class D>
HWY_INLINE void store(D, hn::Vec<D> value, std::uint8_t* to) {
  const hn::Rebind<std::uint8_t, D> bytes;
  hn::StoreU(hn::DemoteTo(bytes, hn::NearestInt(value)), bytes, to);
}

// y = sum over `kCorners` of weight · corner, for `count` channels.
template <int kCorners, class T>
HWY_INLINE void blend(const T* const* corner, const float* weight, int count, T* y) {
  const auto run = [&](auto d, int k) HWY_ATTR {
    auto sum = hn::Mul(hn::Set(d, weight[0]), load(d, corner[0] + k));
    for (int c = 1; c < kCorners; ++c) sum = hn::MulAdd(hn::Set(d, weight[c]), load(d, corner[c] + k), sum);
    store(d, sum, y + k);
  };
  const hn::ScalableTag<float> d;
  const int lanes = static_cast<int>(hn::Lanes(d));
  int k = 0;
  for (; k + lanes <= count; k += lanes) run(d, k);
  for (; k < count; ++k) run(hn::CappedTag<float, 1>(), k);
}

// A coordinate: a row or column of the image, and the weight of the next.
struct Axis {
  int low;
  float weight;
};

// Samples `image` at a point, `count` channels from `channel` on. A corner of weight 0, which may be outside of the
// image, is not read.
template <class T>
HWY_INLINE void sample(const DySample& op, const T* image, Axis row, Axis column, int channel, int count, T* y) {
  const std::size_t right = op.x.pixel(0, 0, 1), below = op.x.pixel(0, 1, 0);
  const T* x = image + op.x.pixel(0, row.low, column.low) + channel;
  if (row.weight != 0 && column.weight != 0) {
    const T* corner[] = {x, x + right, x + below, x + below + right};
    const float weight[] = {(1 - row.weight) * (1 - column.weight), (1 - row.weight) * column.weight,
                            row.weight * (1 - column.weight), row.weight * column.weight};
    blend<4>(corner, weight, count, y);
  } else if (row.weight != 0 || column.weight != 0) {
    const T* corner[] = {x, x + (column.weight != 0 ? right : below)};
    const float second = column.weight != 0 ? column.weight : row.weight, weight[] = {1 - second, second};
    blend<2>(corner, weight, count, y);
  } else {
    std::memcpy(y, x, sizeof(T) * count);
  }
}

constexpr int kChunk = 64;  // points per pixel of x that are on the stack at a time, for all pixels of a row

// The points of a pixel of x from `start` on, in the order of the offset map.
struct Points {
  Points(const DySample& op, int start) : count(std::min(kChunk, op.groups * op.scale * op.scale - start)) {
    const int s = op.scale;
    for (int m = 0; m < count; ++m) {
      const int g = (start + m) / (s * s), p = (start + m) / s % s, q = (start + m) % s;
      initial_x[m] = (static_cast<float>(q) - static_cast<float>(s - 1) / 2) / static_cast<float>(s);
      initial_y[m] = (static_cast<float>(p) - static_cast<float>(s - 1) / 2) / static_cast<float>(s);
      channel[m] = g * (op.x.c / op.groups);
      to[m] = op.y.pixel(0, p, q) + channel[m];
    }
  }
  int count;
  float initial_x[kChunk], initial_y[kChunk];
  int channel[kChunk];
  std::size_t to[kChunk];  // elements from the first pixel of y around the pixel
};

// The coordinates of a pixel's points along an axis.
struct Coordinates {
  std::int32_t low[kChunk];
  float weight[kChunk];
};

// clamp(base + (initial + a · offset), 0, size − 1) with a = ½ σ(scope), or ¼ without a scope. In this order and
// without a fused multiply-add, so that nearest upsampling is exact.
HWY_INLINE void compute_coordinates(const float* initial, const float* offset, const float* scope, int base, int size,
                                    int count, Coordinates& coordinates) {
  const auto run = [&](auto d, int m) HWY_ATTR {
    const hn::RebindToSigned<decltype(d)> whole;
    const auto a = scope ? hn::Mul(hn::Set(d, 0.5f), sigmoid(d, hn::LoadU(d, scope + m))) : hn::Set(d, 0.25f);
    const auto shift = hn::Add(hn::LoadU(d, initial + m), hn::Mul(a, hn::LoadU(d, offset + m)));
    const auto at = hn::Add(hn::Set(d, static_cast<float>(base)), shift);
    const auto bounded = hn::Min(at, hn::Set(d, static_cast<float>(size - 1)));
    const auto clamped = hn::IfThenElseZero(hn::Gt(at, hn::Zero(d)), bounded);  // NaN gives 0
    const auto low = hn::ConvertTo(whole, clamped);
    hn::StoreU(low, whole, coordinates.low + m);
    hn::StoreU(hn::Sub(clamped, hn::ConvertTo(d, low)), d, coordinates.weight + m);
  };
  const hn::ScalableTag<float> d;
  const int lanes = static_cast<int>(hn::Lanes(d));
  int m = 0;
  for (; m + lanes <= count; m += lanes) run(d, m);
  for (; m < count; ++m) run(hn::CappedTag<float, 1>(), m);
}

template <class T>
void sample_rows_as(const DySample& op, const Memory& memory, int first, int last) {
  const int s = op.scale, all = op.groups * s * s, channels_per_group = op.x.c / op.groups;
  for (int start = 0; start < all; start += kChunk) {
    const Points points(op, start);
    for (int tile = first; tile < last; ++tile) {
      const int i = tile / op.x.h, v = tile % op.x.h;
      const T* image = arena_data<T>(memory, op.x) + op.x.pixel(i, 0, 0);
      for (int u = 0; u < op.x.w; ++u) {
        const float* offset = arena_data<float>(memory, op.offset) + op.offset.pixel(i, v, u) + start;
        const float* scope = op.dyscope ? offset + 2 * all : nullptr;
        T* y = arena_data<T>(memory, op.y) + op.y.pixel(i, s * v, s * u);
        Coordinates columns, rows;
        compute_coordinates(points.initial_x, offset, scope, u, op.x.w, points.count, columns);
        compute_coordinates(points.initial_y, offset + all, scope ? scope + all : nullptr, v, op.x.h, points.count,
                            rows);
        for (int m = 0; m < points.count; ++m)
          sample(op, image, {rows.low[m], rows.weight[m]}, {columns.low[m], columns.weight[m]}, points.channel[m],
                 channels_per_group, y + points.to[m]);
      }
    }
  }
}

void sample_rows(const DySample& op, const Memory& memory, int first, int last) {
  op.x.type == Type::u8 ? sample_rows_as<std::uint8_t>(op, memory, first, last)
                        : sample_rows_as<float>(op, memory, first, last);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace cudet
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace cudet {

HWY_EXPORT(sample_rows);

void dysample_cpu(const DySample& op, const Memory& memory, int first, int last) {
  HWY_DYNAMIC_DISPATCH(sample_rows)(op, memory, first, last);
}

}  // namespace cudet
#endif
