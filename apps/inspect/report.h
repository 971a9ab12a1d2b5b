// What `inspect` tells of a model: gathered once, printed as a table or as JSON.
#pragma once
#include <iosfwd>
#include <string>
#include <vector>

#include "runtime/compile/device_memory.h"
#include "runtime/model/model.h"
#include "runtime/model/statistics.h"
#include "runtime/program.h"

namespace cudet::inspect {

struct Report {
  Description description;
  int batch;
  Extent input;
  std::vector<RowStatistics> rows;
  Program program;
  std::size_t packed_bytes;             // of the weights as the CPU reads them
  CudaMemory cuda_fp32{}, cuda_fp16{};  // on a device of kMultiprocessors; zeros where it is too large
  static constexpr int kMultiprocessors = 16;
};

/// Builds the network without weights. `input` {0, 0}: the description's.
Report make_report(const std::string& path, const std::string& scale, int batch, Extent input);

/// Row by row, then the sums.
void print_table(const Report& report, std::ostream& out);
/// Step by step, below a legend, then the sums.
void print_program(const Report& report, std::ostream& out);
/// Each distinct operator at its shape, a line in the grammar of kernels/shape_text.h, and how many times: for `bench
/// --shapes`.
void print_shapes(const Report& report, std::ostream& out);
void print_json(const Report& report, bool with_program, std::ostream& out);

}  // namespace cudet::inspect
