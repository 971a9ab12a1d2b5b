// The persistent kernel against the same steps launched one by one: whole networks of one tile list, bit for bit.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "runtime/cuda/persistent/persistent.h"
#include "runtime/cuda/session.h"
#include "tests/kernels/device.h"
#include "tests/runtime/pictures.h"

namespace cudet::test {
namespace {

/// A session whose input 0 and 1 hold images, with the results of both executors.
class Runs {
 public:
  Runs(const Model& model, Precision precision, int batch, Extent size)
      : session_(model, precision), program_(two_inputs(session_).program(batch, size)), batch_(batch) {
    program_.persistent->set_patience(600'000'000'000);  // an emulated device is slow
    std::vector<std::byte> options(program_.layout.found, std::byte{1});
    const NmsParameters parameters{0.001f, 0.7f, 300, 0};
    std::memcpy(options.data() + program_.layout.parameters, &parameters, sizeof parameters);
    check(cudaMemcpy(session_.candidates(), options.data(), options.size(), cudaMemcpyHostToDevice), "options");
    for (int slot = 0; slot < 2; ++slot)
      for (int i = 0; i < batch; ++i) {
        const Picture picture(70 + 13 * i, 40 + 5 * slot, static_cast<unsigned>(7 * slot + i));
        session_.letterbox(picture.frame, letterbox_fit(picture.frame.width, picture.frame.height, size),
                           program_.input_of(slot), i, session_.memory());
        check(cudaDeviceSynchronize(), "letterbox");
      }
  }

  PersistentProgram& persistent() { return *program_.persistent; }
  /// The kept boxes of all images, after the steps or the persistent kernel ran.
  std::vector<std::vector<Candidate>> steps(int slot) {
    session_.run(program_, slot);
    return results();
  }
  std::vector<std::vector<Candidate>> persistent(int slot, int blocks = 0) {
    session_.launch_persistent(program_, slot, blocks);
    return results();
  }
  unsigned stopped() { return stopped(*program_.persistent); }

  /// The tiles for input 0, and a Program of other tiles.
  TileList tiles() const {
    const CudaStream on = launches();
    return make_tile_list(
        program_, 0, program_.layout,
        {on.multiprocessors, static_cast<std::size_t>(on.shared_bytes_per_block), session_.candidates()});
  }
  PersistentProgram make(const TileList& list) const {
    return {list, nullptr, session_.type(), session_.memory(), launches()};
  }
  unsigned stopped_after(const PersistentProgram& program, int blocks) {
    program.launch(0, launches(), blocks);
    return stopped(program);
  }

 private:
  static CudaSession& two_inputs(CudaSession& session) {
    session.set_inputs(2);
    return session;
  }
  std::vector<std::vector<Candidate>> results() {
    check(cudaDeviceSynchronize(), "network");
    const CandidateLayout& layout = program_.layout;
    std::vector<std::byte> all(layout.bytes);
    check(cudaMemcpy(all.data(), session_.candidates(), all.size(), cudaMemcpyDeviceToHost), "results");
    const NmsBatch nms = layout.batch(all.data());
    std::vector<std::vector<Candidate>> kept;
    for (int i = 0; i < batch_; ++i) {
      const Candidate* first = nms.kept + static_cast<std::size_t>(i) * layout.max_kept;
      kept.emplace_back(first, first + std::max(0, nms.kept_count[i]));
    }
    check(cudaMemset(session_.candidates() + layout.kept_count, 0xff, layout.bytes - layout.kept_count), "results");
    check(cudaDeviceSynchronize(), "results");
    return kept;
  }

  unsigned stopped(const PersistentProgram& program) {
    unsigned flag = 7;
    program.copy_stopped(&flag, session_.network_stream());
    check(cudaDeviceSynchronize(), "network");
    return flag;
  }
  /// The network's stream, and the session's scratch memory.
  CudaStream launches() const { return session_.network_launches(); }

  CudaSession session_;
  CudaProgram& program_;
  int batch_;
};

void expect_equal(const std::vector<std::vector<Candidate>>& a, const std::vector<std::vector<Candidate>>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_GT(a[i].size(), 0u);
    ASSERT_EQ(a[i].size(), b[i].size());
    EXPECT_EQ(std::memcmp(a[i].data(), b[i].data(), a[i].size() * sizeof(Candidate)), 0);
  }
}

class PersistentCuda : public testing::TestWithParam<std::tuple<const char*, Precision>> {};

TEST_P(PersistentCuda, EqualsTheSteps) {
  const auto [path, precision] = GetParam();
  if (const std::string why = precision == Precision::fp16 ? why_no_fp16() : ""; !why.empty()) GTEST_SKIP() << why;
  const Model model = Model::load(path);
  for (const int batch : {1, 3}) {
    Runs runs(model, precision, batch, {64, 96});
    for (const int slot : {0, 1}) {
      const auto expected = runs.steps(slot);
      for (const int blocks : {1, 2, 5, 0}) {
        SCOPED_TRACE("blocks " + std::to_string(blocks) + ", slot " + std::to_string(slot) + ", batch " +
                     std::to_string(batch));
        const auto found = runs.persistent(slot, blocks);
        EXPECT_EQ(runs.stopped(), 0u);
        expect_equal(expected, found);
      }
    }
    EXPECT_EQ(runs.stopped(), 0u);
  }
}

// Every launch finds the counters as the one before left them. PERSISTENT_LAUNCHES=N makes N launches.
TEST(PersistentCudaLaunches, Repeat) {
  const char* const wanted = std::getenv("PERSISTENT_LAUNCHES");
  const int launches = wanted ? std::atoi(wanted) : 50;
  Runs runs(Model::load("tests/data/tiny/dysample.json"), Precision::fp32, 1, {32, 32});
  const auto expected = runs.steps(0);
  for (int i = 0; i < launches; ++i) {
    SCOPED_TRACE("launch " + std::to_string(i));
    expect_equal(expected, runs.persistent(0, i % 9));
    ASSERT_EQ(runs.stopped(), 0u);
    if (testing::Test::HasFatalFailure()) return;
  }
}

// A step that waits for a tile that does not exist: every number of blocks ends, and the flag says so.
TEST(PersistentCudaStop, EndsAWaitForNothing) {
  const Model model = Model::load("tests/data/tiny/plain.json");
  Runs runs(model, Precision::fp32, 1, {64, 96});
  for (const std::size_t wait : {std::size_t{0}, std::size_t{9}}) {
    TileList list = runs.tiles();
    ++list.waits.at(wait).tiles;
    PersistentProgram broken = runs.make(list);
    broken.set_patience(20'000'000);
    for (const int blocks : {1, 5, 0}) EXPECT_EQ(runs.stopped_after(broken, blocks), 1u);
  }
  expect_equal(runs.steps(0), runs.persistent(0));
}

INSTANTIATE_TEST_SUITE_P(Networks, PersistentCuda,
                         testing::Combine(testing::Values("tests/data/tiny/plain.json",
                                                          "tests/data/tiny/dysample.json"),
                                          testing::Values(Precision::fp32, Precision::fp16)));

}  // namespace
}  // namespace cudet::test
