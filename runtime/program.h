// A Program: the network for one batch and input size, as a flat list of steps over one arena.
#pragma once
#include <string>
#include <vector>

#include "runtime/compile/memory_plan.h"
#include "runtime/compile/planning.h"

namespace cudet {

/// Made by compile() (runtime/compile/lowering.h).
struct Program {
  struct NamedStep {
    Step step;
    StepPlan plan;     // for the Target that the Program was compiled for
    std::string name;  // of the module: "model.2.m.0.cv1"
    int row;           // of the network table
  };
  int batch;
  Extent input_size;
  std::vector<NamedStep> steps;
  Tensor input;                  // batch, H, W, 3: RGB in 0..1; u8: in 0..255
  Tensor output;                 // batch, 1, anchors, 4 + classes (kernels/detect_decode/detect_decode.h)
  std::vector<Tensor> rows;      // result of each row; later steps overwrite it unless compiled with keep_rows
  MemoryPlan memory;             // of the arena; weights are not in it
  std::size_t activation_bytes;  // sum of all buffers, without sharing of memory
};

}  // namespace cudet
