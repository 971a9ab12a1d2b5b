// Non-maximum suppression on the device under test.
#pragma once
#include <algorithm>
#include <cstring>

#include "tests/kernels/device.h"
#include "tests/kernels/nms_cases.h"

namespace cudet::test {

/// Returns what nms_cuda keeps of each image's candidates; fails if it writes past the room for `capacity` of them.
inline std::vector<std::vector<Candidate>> run_nms_cuda(const std::vector<std::vector<Candidate>>& images, int capacity,
                                                        const NmsParameters& parameters) {
  const int count = static_cast<int>(images.size()), room = std::min(capacity, Nms::kMaxCandidates);
  const Candidate guard{-1, -2, -3, -4, -5, -6, -7};
  std::vector<Candidate> candidates(static_cast<std::size_t>(count) * capacity, guard);
  std::vector<int> found;
  for (int i = 0; i < count; ++i) {
    std::copy(images[i].begin(), images[i].end(), candidates.begin() + static_cast<std::ptrdiff_t>(i) * capacity);
    found.push_back(static_cast<int>(images[i].size()));
  }
  const DeviceArray<NmsParameters> device_parameters(std::vector{parameters});
  const DeviceArray<Candidate> device_candidates(candidates);
  const DeviceArray<int> device_found(found), kept_count(std::vector<int>(count, -1));
  const std::vector<Candidate> guards(static_cast<std::size_t>(count) * room + 1, guard);
  const DeviceArray<Candidate> sorted(guards), kept(guards);
  nms_cuda({count, capacity, device_parameters.data(), device_candidates.data(), device_found.data(), sorted.data(),
            kept.data(), kept_count.data()},
           stream_for_few_blocks());
  check(cudaDeviceSynchronize(), "nms");

  EXPECT_EQ(device_found.values(), found);
  const std::vector<int> counts = kept_count.values();
  const std::vector<Candidate> all = kept.values(), all_sorted = sorted.values();
  const auto is_guard = [&](const Candidate& c) { return std::memcmp(&c, &guard, sizeof c) == 0; };
  EXPECT_TRUE(is_guard(all_sorted.back()));
  EXPECT_TRUE(is_guard(all.back()));
  std::vector<std::vector<Candidate>> result;
  for (int i = 0; i < count; ++i) {
    const auto first = all.begin() + static_cast<std::ptrdiff_t>(i) * room;
    EXPECT_LE(counts[i], room);
    EXPECT_TRUE(std::all_of(first + counts[i], first + room, is_guard)) << "written after the kept ones";
    result.emplace_back(first, first + counts[i]);
  }
  return result;
}

}  // namespace cudet::test
