#include "kernels/instruction_set.h"

#include <strings.h>

#include <algorithm>
#include <cstdint>

#include "kernels/error.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/instruction_set.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace cudet {
namespace HWY_NAMESPACE {
namespace {

const char* own_name() {
  return hwy::TargetName(HWY_TARGET);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace cudet
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace cudet {
namespace {

HWY_EXPORT(own_name);

constexpr bool kSeveralTargets = (HWY_TARGETS & (HWY_TARGETS - 1)) != 0;

/// The bits of `targets`, one per instruction set; a lower bit is a better set.
std::vector<std::int64_t> bits(std::int64_t targets) {
  std::vector<std::int64_t> bits;
  for (; targets != 0; targets &= targets - 1) bits.push_back(targets & -targets);
  return bits;
}

std::vector<std::string> target_names(std::int64_t targets) {
  std::vector<std::string> names;
  for (const std::int64_t target : bits(targets)) names.push_back(hwy::TargetName(target));
  return names;
}

std::int64_t usable_targets() {
  return HWY_TARGETS & HWY_SUPPORTED_TARGETS;
}

}  // namespace

std::vector<std::string> instruction_sets() {
  return target_names(usable_targets());
}

std::vector<std::string> missing_instruction_sets() {
  return target_names(HWY_TARGETS & ~usable_targets());
}

std::string instruction_set() {
  return HWY_DYNAMIC_DISPATCH(own_name)();
}

void use_instruction_set(const std::string& name) {
  const std::string highway_name = strcasecmp(name.c_str(), "avx512") == 0 ? "AVX3" : name;
  const auto is_named = [&](const std::string& known) { return strcasecmp(known.c_str(), highway_name.c_str()) == 0; };
  for (const std::int64_t target : bits(usable_targets())) {
    if (!is_named(hwy::TargetName(target))) continue;
    // With all worse sets, for kernels that are not compiled for this one. A build for one set does not link Highway.
    if constexpr (kSeveralTargets) hwy::GetChosenTarget().Update(usable_targets() & ~(target - 1));
    return;
  }
  std::string valid;
  for (const std::string& known : instruction_sets()) valid += (valid.empty() ? "" : ", ") + known;
  const std::vector<std::string> missing = missing_instruction_sets();
  throw Error("instruction set " + name + ": " +
              (std::any_of(missing.begin(), missing.end(), is_named) ? "this machine lacks it"
                                                                     : "this build has none of that name") +
              "; there are " + valid);
}

}  // namespace cudet
#endif
