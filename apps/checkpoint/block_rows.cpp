#include "apps/checkpoint/rows.h"

namespace cudet::convert {
namespace {

/// What the Bottlenecks of a module have in common.
struct Chain {
  std::int64_t count = 0, out = 0;  // out: channels of the last one
  std::int64_t sum = 0;             // channels of all outputs together
  bool shortcut = false;
  std::int64_t groups = 1;
};

/// Reads a Bottleneck whose convolutions have k1 × k1 and k2 × k2 pixels.
Chain read_bottleneck(const TorchModule& module, TorchWeights& weights, std::int64_t in, std::int64_t k1,
                      std::int64_t k2) {
  module.expect_kind("Bottleneck");
  module.expect_children({"cv1", "cv2"});
  module.expect_parameters({});
  const TorchModule inner = module.child("cv1"), outer = module.child("cv2");
  const auto groups = outer.child("conv").integer("groups");
  if (!groups) throw outer.fault("groups is missing");
  const ConvInfo one = read_plain_conv(inner, weights, k1), two = read_plain_conv(outer, weights, k2, *groups);
  if (in != 0 && one.in != in) throw inner.fault("expected " + std::to_string(in) + " input channels");
  if (two.in != one.out) throw outer.fault("expected " + std::to_string(one.out) + " input channels");
  const bool shortcut = module.flag("add");
  if (shortcut && one.in != two.out)
    throw module.fault("has a shortcut, but " + std::to_string(one.in) + " input and " + std::to_string(two.out) +
                       " output channels");
  return {1, two.out, two.out, shortcut, *groups};
}

/// Reads a Sequential or ModuleList of Bottlenecks, which have the shortcut and the groups in common.
Chain read_chain(const TorchModule& list, TorchWeights& weights, std::int64_t in, std::int64_t k1) {
  Chain chain;
  for (const TorchModule& module : list.children()) {
    const Chain one = read_bottleneck(module, weights, in, k1, 3);
    if (chain.count > 0 && (chain.shortcut != one.shortcut || chain.groups != one.groups))
      throw module.fault("its shortcut or groups differ from the Bottleneck before it");
    chain = {chain.count + 1, one.out, chain.sum + one.out, one.shortcut, one.groups};
    in = one.out;
  }
  if (chain.count == 0) throw list.fault("has no Bottleneck");
  return chain;
}

/// The arguments that C2f, C2 and C3 share. `hidden`: the module's own hidden channels, from which the row's e follows.
ModelRow block_row(const char* name, const Chain& chain, std::int64_t out, std::int64_t hidden) {
  Json::Object named;
  if (chain.groups != 1) named.emplace_back("g", chain.groups);
  // The hidden channels are ⌊out · e⌋; adding 0.5 makes the result independent of how the quotient is rounded.
  if (out / 2 != hidden) named.emplace_back("e", (static_cast<double>(hidden) + 0.5) / static_cast<double>(out));
  return {{}, static_cast<int>(chain.count), name, with_named({out, chain.shortcut}, named)};
}

void expect_joined(const TorchModule& last, const ConvInfo& joined, std::int64_t channels) {
  if (joined.in != channels)
    throw last.fault("has " + std::to_string(joined.in) + " input channels, expected " + std::to_string(channels));
}

}  // namespace

ModelRow bottleneck_row(const TorchModule& module, TorchWeights& weights) {
  const auto kernel = [&](const char* name) { return module.child(name).child("conv").pair("kernel_size"); };
  const auto first = kernel("cv1"), second = kernel("cv2");
  if (!first || !second || first->first != first->second || second->first != second->second)
    throw module.fault("its kernels are not squares");
  const Chain one = read_bottleneck(module, weights, 0, first->first, second->first);
  ModelRow row = block_row("Bottleneck", one, one.out, weights.tensors.at(module.name() + ".cv1.conv.weight").shape[0]);
  if (*first != ConvInfo::Pair(3, 3) || *second != *first) {
    if (row.arguments.size() == 2) row.arguments.push_back(Json::Object());
    row.arguments[2].object()->emplace_back("k", Json::Array{first->first, second->first});
  }
  return row;
}

ModelRow c2f_row(const TorchModule& module, TorchWeights& weights) {
  module.expect_children({"cv0", "cv1", "cv2", "m"});
  module.expect_parameters({});
  const TorchModule last = module.child("cv2");
  const auto zeroth = module.find("cv0");
  const ConvInfo first = read_plain_conv(module.child("cv1"), weights, 1), joined = read_plain_conv(last, weights, 1);
  if (!zeroth && first.out % 2 != 0) throw module.fault("cv1 has an odd number of output channels");
  const std::int64_t kept = zeroth ? read_plain_conv(*zeroth, weights, 1).out : first.out / 2;
  const std::int64_t hidden = zeroth ? first.out : first.out / 2;
  const Chain chain = read_chain(module.child("m"), weights, hidden, 3);
  expect_joined(last, joined, kept + hidden + chain.sum);
  return block_row("C2f", chain, joined.out, hidden);
}

ModelRow c2_row(const TorchModule& module, TorchWeights& weights) {
  module.expect_children({"cv1", "cv2", "m"});
  module.expect_parameters({});
  const TorchModule last = module.child("cv2");
  const ConvInfo first = read_plain_conv(module.child("cv1"), weights, 1), joined = read_plain_conv(last, weights, 1);
  if (first.out % 2 != 0) throw module.fault("cv1 has an odd number of output channels");
  const std::int64_t hidden = first.out / 2;
  const Chain chain = read_chain(module.child("m"), weights, hidden, 3);
  expect_joined(last, joined, chain.out + hidden);
  return block_row("C2", chain, joined.out, hidden);
}

ModelRow c3_row(const TorchModule& module, TorchWeights& weights) {
  module.expect_children({"cv1", "cv2", "cv3", "m"});
  module.expect_parameters({});
  const bool ghost = module.kind() == "C3Ghost";
  const TorchModule last = module.child("cv3"), list = module.child("m");
  const ConvInfo first = read_plain_conv(module.child("cv1"), weights, 1);
  const ConvInfo second = read_plain_conv(module.child("cv2"), weights, 1), joined = read_plain_conv(last, weights, 1);
  Chain chain;
  if (ghost) {
    for (const TorchModule& inner : list.children()) {
      const ModelRow row = ghost_bottleneck_row(inner, weights);
      if (row.arguments.size() != 1) throw inner.fault("has stride 2");
      chain = {chain.count + 1, *row.arguments[0].integer(), 0, true, 1};
    }
    if (chain.count == 0) throw list.fault("has no GhostBottleneck");
  } else {
    chain = read_chain(list, weights, first.out, 1);
  }
  expect_joined(last, joined, chain.out + second.out);
  return block_row(ghost ? "C3Ghost" : "C3", chain, joined.out, first.out);
}

PoolInfo read_max_pool(const TorchModule& module) {
  module.expect_kind("MaxPool2d");
  const auto kernel = module.pair("kernel_size"), stride = module.pair("stride"), padding = module.pair("padding");
  if (!kernel || kernel->first != kernel->second || !stride || stride->first != stride->second || !padding ||
      padding->first != padding->second ||
      module.pair("dilation").value_or(ConvInfo::Pair(1, 1)) != ConvInfo::Pair(1, 1))
    throw module.fault("only square windows without dilation are supported");
  if (module.flag("ceil_mode") || module.flag("return_indices"))
    throw module.fault("ceil_mode and return_indices are not supported");
  return {kernel->first, stride->first, padding->first};
}

namespace {

/// Returns the kernel of a MaxPool2d that keeps the size. `user`: the module that contains it.
std::int64_t read_same_pool(const TorchModule& pool, const char* user) {
  const PoolInfo info = read_max_pool(pool);
  if (info.stride != 1 || info.padding != info.kernel / 2)
    throw pool.fault(std::string("its stride or padding does not match ") + user);
  return info.kernel;
}

}  // namespace

ModelRow spp_row(const TorchModule& module, TorchWeights& weights) {
  module.expect_children({"cv1", "cv2", "m"});
  module.expect_parameters({});
  const TorchModule last = module.child("cv2");
  const ConvInfo first = read_plain_conv(module.child("cv1"), weights, 1), joined = read_plain_conv(last, weights, 1);
  Json::Array kernels;
  for (const TorchModule& pool : module.child("m").children()) kernels.push_back(read_same_pool(pool, "SPP"));
  expect_joined(last, joined, first.out * (static_cast<std::int64_t>(kernels.size()) + 1));
  Json::Array arguments{joined.out};
  if (kernels != Json::Array{5, 9, 13}) arguments.push_back(kernels);
  return {{}, 1, "SPP", arguments};
}

ModelRow sppf_row(const TorchModule& module, TorchWeights& weights) {
  module.expect_children({"cv1", "cv2", "m"});
  module.expect_parameters({});
  const TorchModule first = module.child("cv1"), last = module.child("cv2"), pool = module.child("m");
  const bool activated = has_activation(first);
  const ConvInfo split = read_plain_conv(first, weights, 1, 1, activated), joined = read_plain_conv(last, weights, 1);
  const std::int64_t kernel = read_same_pool(pool, "SPPF");
  const std::int64_t poolings = module.integer("n").value_or(3);  // missing in older checkpoints
  if (poolings < 1 || poolings > 1000) throw module.fault("n is out of range");
  expect_joined(last, joined, split.out * (poolings + 1));

  Json::Object named;
  if (poolings != 3) named.emplace_back("n", poolings);
  if (module.flag("add")) named.emplace_back("shortcut", true);
  if (!activated) named.emplace_back("cv1_act", false);
  return {{}, 1, "SPPF", with_named({joined.out, kernel}, named)};
}

}  // namespace cudet::convert
