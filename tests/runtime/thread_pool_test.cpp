#include "runtime/thread_pool.h"

#include <gtest/gtest.h>

#include <memory>

namespace cudet::test {
namespace {

TEST(ThreadPool, RunsEachTileOnce) {
  for (const int threads : {1, 2, 5}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.threads(), threads);
    for (const int tiles : {0, 1, 2, 3, 31, 1000}) {
      const auto times = std::make_unique<std::atomic<int>[]>(static_cast<std::size_t>(tiles) + 1);
      pool.for_tiles(tiles, [&](int first, int last) {
        for (int t = first; t < last; ++t) ++times[static_cast<std::size_t>(t)];
      });
      for (int t = 0; t < tiles; ++t) EXPECT_EQ(times[static_cast<std::size_t>(t)], 1) << t << " of " << tiles;
    }
  }
}

// The caller and the next call see what a call has written, without further synchronisation.
TEST(ThreadPool, CallsSynchroniseWithEachOther) {
  ThreadPool pool(3);
  std::vector<int> values(64, 0);
  for (int round = 0; round < 2000; ++round)
    pool.for_tiles(64, [&](int first, int last) {
      for (int t = first; t < last; ++t) ++values[static_cast<std::size_t>((t * 7 + round) % 64)];
    });
  EXPECT_EQ(values, std::vector<int>(64, 2000));
}

}  // namespace
}  // namespace cudet::test
