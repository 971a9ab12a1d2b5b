#include "runtime/compile/tile_list.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "runtime/compile/schedule.h"

namespace cudet {
namespace {

class Builder {
 public:
  Builder(const Program& program, const TileTarget& target)
      : target_(target), type_(program.input.type), shares_(shares_bytes(program)) {}

  TileList build(const Program& program, int slot, const CandidateLayout& layout) {
    const std::vector<Step> steps = program.steps_of(slot);
    for (std::size_t i = 0; i + 1 < steps.size(); ++i) {
      plan_ = &program.steps[i].plan;
      access_ = step_access(steps[i]);
      std::visit(*this, steps[i]);
    }
    const auto& head = std::get<DetectDecode>(steps.back());
    const NmsBatch nms = layout.batch(target_.candidates);
    const CandidateOutput output = layout.output(target_.candidates);
    access_ = {};
    const int clear = push({TileOp::clear_candidates}, ClearOperands{output.found, 2 * nms.images}, 1, 0);
    access_ = step_access(steps.back());
    access_.writes.clear();  // it writes candidates only
    const int candidates = push_several({TileOp::candidates, has_vectors(head)}, CandidateOperands{head, output, 0, 0},
                                        static_cast<long>(head.y.n) * head.anchor_tiles());
    access_ = {};
    const int runs = nms.images * ceil_div(nms.capacity, kRanked);
    const int tickets = std::clamp(runs, 1, 2 * target_.multiprocessors);
    const int rank = push({TileOp::rank}, RankOperands{nms, tickets}, tickets, kRankShared);
    const int suppress = push({TileOp::suppress}, nms, nms.images, kSuppressShared);

    std::vector<std::vector<int>> waits = find_waits(accesses_);
    waits[index(candidates)].push_back(clear);
    waits[index(rank)].push_back(candidates);
    waits[index(suppress)].push_back(rank);
    for (std::size_t i = 0; i < waits.size(); ++i) set_waits(list_.steps[i], waits[i]);
    return std::move(list_);
  }

  void operator()(const Conv2d& op) {
    const Conv2dCudaPlan& plan = std::get<Conv2dCudaPlan>(*plan_);
    if (plan.pixel_blocks == 0) {
      const long outputs = static_cast<long>(op.y.n) * op.y.h * op.y.w * op.y.c;
      push_several({TileOp::general_conv2d}, GeneralConv2dOperands{op, plan, 0, 0},
                   (outputs + kThreads - 1) / kThreads);
      return;
    }
    Conv2dOperands operands{op, plan, 0, list_.split_counters};
    if (plan.splits > 1) {
      operands.shares = shares_.take(plan.shares_bytes());
      access_.writes.push_back(Region::of_shares(operands.shares, plan.shares_bytes()));
      list_.split_counters += static_cast<unsigned>(plan.tiles());
    }
    push(conv2d_tile_type(plan.packing.kind, plan.pixel_blocks, plan.packing.channels_per_block), operands,
         plan.blocks(), conv2d_cuda_shared_bytes(plan));
  }
  void operator()(const ConvDySample& op) {
    const ConvDySamplePlan& plan = std::get<ConvDySamplePlan>(*plan_);
    push({TileOp::conv_dysample, 0, 0, static_cast<unsigned char>(plan.conv.packing.channels_per_block)},
         ConvDySampleOperands{op, plan}, plan.conv.blocks(), plan.shared_bytes);
  }
  void operator()(const MaxPoolChain& op) {
    const ChainTiling tiling = chain_tiling(op, target_.multiprocessors, target_.shared_bytes_per_block);
    const int lanes = 16 / static_cast<int>(size_of(op.x.type));
    if (tiling.rows != 0) {
      push({TileOp::max_pool_chain}, MaxPoolChainOperands{op, tiling}, tiling.tiles(op, lanes),
           tiling.shared_bytes(op));
      return;
    }
    for (int i = 0; i < op.count; ++i) {
      const MaxPool one = op.step(i);
      access_ = step_access(one);
      (*this)(one);
    }
  }
  void operator()(const Copy& op) { (*this)(Upsample{op.x, op.y, 1}); }
  void operator()(const Conv2dInt8&) { throw Error("int8 runs on the CPU only"); }
  void operator()(const DetectDecode&) { throw Error("detect_decode must be the last step"); }
  /// An operator that computes one vector per thread.
  template <class Op>
  requires requires(const Op& op) { vector_map(op); }
  void operator()(const Op& op) {
    const Tensor& t = vector_map(op);
    if (t.type != type_) throw NoTileList(std::string(Op::kName) + ": its values have another type than the network's");
    const bool vectors = has_vectors(op);
    const int lanes = vectors ? static_cast<int>(16 / size_of(t.type)) : 1;
    push_several({VectorTileOp<Op>::value, vectors}, VectorOperands<Op>{op, 0, 0}, vector_tiles(t, lanes));
  }

 private:
  static std::size_t index(int step) { return static_cast<std::size_t>(step); }

  /// For operators whose tiles take less time than taking a ticket: several tiles share one.
  template <class Operands>
  int push_several(TileType type, Operands operands, long tiles) {
    const long max_tickets = 4L * target_.multiprocessors, per_ticket = (tiles + max_tickets - 1) / max_tickets;
    operands.tiles = static_cast<int>(tiles);
    operands.per_ticket = static_cast<int>(per_ticket);
    return push(type, operands, (tiles + per_ticket - 1) / per_ticket, 0);
  }

  /// Returns the number of the step.
  template <class Operands>
  int push(TileType type, const Operands& operands, long tickets, std::size_t shared_bytes) {
    static_assert(sizeof operands <= TileStep::kOperandBytes && std::is_trivially_copyable_v<Operands>);
    const std::size_t first = list_.step_of_ticket.size(), step = list_.steps.size();
    if (first + static_cast<std::size_t>(tickets) > kMaxTickets || step > 0xffff)
      throw NoTileList("the network has too many tiles for one launch");
    list_.steps.push_back(
        {type.number(), static_cast<unsigned>(first), static_cast<unsigned>(first + tickets), 0, 0, {}});
    std::memcpy(list_.steps.back().operands, &operands, sizeof operands);
    list_.step_of_ticket.insert(list_.step_of_ticket.end(), static_cast<std::size_t>(tickets),
                                static_cast<std::uint16_t>(step));
    list_.shared_bytes = std::max(list_.shared_bytes, shared_bytes);
    accesses_.push_back(access_);
    return static_cast<int>(step);
  }

  void set_waits(TileStep& step, const std::vector<int>& before) {
    step.first_wait = static_cast<int>(list_.waits.size());
    step.waits = static_cast<int>(before.size());
    for (const int b : before) {
      const TileStep& s = list_.steps[index(b)];
      list_.waits.push_back({b, s.end_ticket - s.first_ticket});
    }
  }

  const TileTarget& target_;
  const Type type_;  // of the kernel's instance
  SharesRing shares_;
  TileList list_;
  std::vector<Access> accesses_;    // per step
  const StepPlan* plan_ = nullptr;  // of the step that is pushed
  Access access_;                   // of the step that is pushed
};

}  // namespace

TileList make_tile_list(const Program& program, int slot, const CandidateLayout& layout, const TileTarget& target) {
  return Builder(program, target).build(program, slot, layout);
}

}  // namespace cudet
