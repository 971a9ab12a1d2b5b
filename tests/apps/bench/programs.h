// Programs of the real networks, without weights.
#pragma once
#include <string>

#include "runtime/compile/lowering.h"
#include "runtime/compile/passes.h"
#include "runtime/model/model.h"
#include "runtime/model/statistics.h"

namespace cudet::bench::test {

/// As `inspect` counts and compiles it.
struct Counted {
  std::vector<RowStatistics> rows;
  Program program;
};

inline Counted count(const std::string& model, const std::string& scale, int batch, Extent input, Target target = {}) {
  Graph graph = build_graph(read_description(model, scale), NoWeights());
  Counted counted{count_rows(graph, input), {}};
  optimise(graph);
  counted.program = compile(graph, no_weights(graph), batch, input, false, target);
  return counted;
}

}  // namespace cudet::bench::test
