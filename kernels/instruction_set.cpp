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

constexpr bool kSeveral = (HWY_TARGETS & (HWY_TARGETS - 1)) != 0;

std::vector<std::int64_t> each_of(std::int64_t targets) {  // a bit each; the lower, the better
  std::vector<std::int64_t> each;
  for (; targets != 0; targets &= targets - 1) each.push_back(targets & -targets);
  return each;
}

std::vector<std::string> names_of(std::int64_t targets) {
  std::vector<std::string> names;
  for (const std::int64_t target : each_of(targets)) names.push_back(hwy::TargetName(target));
  return names;
}

std::int64_t usable() {
  return HWY_TARGETS & HWY_SUPPORTED_TARGETS;
}

}  // namespace

std::vector<std::string> instruction_sets() {
  return names_of(usable());
}

std::vector<std::string> missing_instruction_sets() {
  return names_of(HWY_TARGETS & ~usable());
}

std::string instruction_set() {
  return HWY_DYNAMIC_DISPATCH(own_name)();
}

void use_instruction_set(const std::string& name) {
  const std::string of_highway = strcasecmp(name.c_str(), "avx512") == 0 ? "AVX3" : name;
  const auto is_named = [&](const std::string& known) { return strcasecmp(known.c_str(), of_highway.c_str()) == 0; };
  for (const std::int64_t target : each_of(usable())) {
    if (!is_named(hwy::TargetName(target))) continue;
    // With all worse ones, for kernels that leave this one out. A build for one set alone has no library of Highway's.
    if constexpr (kSeveral) hwy::GetChosenTarget().Update(usable() & ~(target - 1));
    return;
  }
  std::string there;
  for (const std::string& known : instruction_sets()) there += (there.empty() ? "" : ", ") + known;
  const std::vector<std::string> missing = missing_instruction_sets();
  throw Error("instruction set " + name + ": " +
              (std::any_of(missing.begin(), missing.end(), is_named) ? "this machine lacks it"
                                                                     : "this build has none of that name") +
              "; there are " + there);
}

}  // namespace cudet
#endif
