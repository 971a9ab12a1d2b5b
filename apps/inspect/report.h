// What `inspect` prints about a model: computed once, printed as a table or as JSON.
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
  std::size_t packed_bytes;             // of the weights, packed for the CPU
  CudaMemory cuda_fp32{}, cuda_fp16{};  // on a device with kMultiprocessors; zeros if the network is too large for CUDA
  static constexpr int kMultiprocessors = 16;
};

/// Builds the network without weights and collects the report. `input` {0, 0}: the input size in the description. Other
/// sizes are rounded up to whole strides. Throws Error.
Report make_report(const std::string& path, const std::string& scale, int batch, Extent input);

/// Prints the rows of the network table, then the sums.
void print_table(const Report& report, std::ostream& out);
/// Prints a legend, the steps of the Program, then the sums.
void print_program(const Report& report, std::ostream& out);
/// Prints each distinct operator and shape in the grammar of kernels/shape_text.h, with the number of its occurrences,
/// for `bench --shapes`.
void print_shapes(const Report& report, std::ostream& out);
/// Prints everything as JSON; the steps of the Program only `with_program`.
void print_json(const Report& report, bool with_program, std::ostream& out);

}  // namespace cudet::inspect
