#include "runtime/compile/fusion.h"

namespace cudet {
namespace {

/// Whether both are disjoint slices of one buffer.
bool siblings(const Tensor& a, const Tensor& b) {
  const std::size_t distance = a.offset > b.offset ? a.offset - b.offset : b.offset - a.offset;
  const std::size_t size = size_of(a.type);
  return a.pitch == b.pitch && distance >= size * static_cast<std::size_t>(a.c) &&
         distance < size * static_cast<std::size_t>(a.pitch);
}

/// Appends `next` to the chain and returns true, or returns false if it does not continue the chain.
bool extend(MaxPoolChain& chain, const MaxPool& next) {
  const Tensor& last = chain.count == 0 ? next.x : chain.y[chain.count - 1];
  const bool fits = chain.count < MaxPoolChain::kMaxPoolings && next.stride == 1 && next.kernel % 2 == 1 &&
                    next.pad == next.kernel / 2 && next.x == last &&
                    (chain.count == 0 || next.kernel == chain.kernel) && siblings(next.y, next.x) &&
                    (chain.count == 0 || siblings(next.y, chain.x));
  if (!fits) return false;
  if (chain.count == 0) {
    chain.x = next.x;
    chain.kernel = next.kernel;
  }
  chain.y[chain.count++] = next.y;
  return true;
}

}  // namespace

void fuse(std::vector<Program::NamedStep>& steps) {
  std::vector<Program::NamedStep> fused;
  for (std::size_t i = 0; i < steps.size();) {
    MaxPoolChain chain{};
    std::size_t end = i;
    while (end < steps.size() && std::holds_alternative<MaxPool>(steps[end].step) &&
           extend(chain, std::get<MaxPool>(steps[end].step)))
      ++end;
    if (chain.count > 1) {
      fused.push_back({chain, {}, steps[i].name, steps[i].row});
      i = end;
      continue;
    }
    const auto* conv = std::get_if<Conv2d>(&steps[i].step);
    const auto* sample = i + 1 < steps.size() ? std::get_if<DySample>(&steps[i + 1].step) : nullptr;
    if (conv && sample && conv->y == sample->offset && conv_dysample_fits({*conv, *sample})) {
      fused.push_back({ConvDySample{*conv, *sample}, {}, steps[i + 1].name, steps[i + 1].row});
      i += 2;
      continue;
    }
    fused.push_back(steps[i++]);
  }
  steps = std::move(fused);
}

}  // namespace cudet
