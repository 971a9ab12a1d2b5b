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
  Tensor input;  // batch, H, W, 3: RGB in 0..1; u8: in 0..255
  /// On CUDA the arena starts with one input for each batch that can be in flight, `input_bytes` each, which no other
  /// buffer overlaps. `steps` read the first. `second_input`: the steps that read the second, if there are two.
  int inputs;
  std::size_t input_bytes;  // 0 on the CPU
  struct StepOfSecond {
    int index;  // in `steps`
    Step step;
  };
  std::vector<StepOfSecond> second_input;
  Tensor output;                 // batch, 1, anchors, 4 + classes (kernels/detect_decode/detect_decode.h)
  std::vector<Tensor> rows;      // result of each row; later steps overwrite it unless compiled with keep_rows
  MemoryPlan memory;             // of the arena; weights are not in it
  std::size_t activation_bytes;  // sum of all buffers, without sharing of memory

  /// Input 0 or 1, below `inputs`.
  Tensor input_of(int slot) const {
    Tensor t = input;
    t.offset += static_cast<std::size_t>(slot) * input_bytes;
    return t;
  }
  /// The steps that read it.
  std::vector<Step> steps_of(int slot) const {
    std::vector<Step> list;
    list.reserve(steps.size());
    for (const NamedStep& named : steps) list.push_back(named.step);
    if (slot == 1)
      for (const StepOfSecond& second : second_input) list[static_cast<std::size_t>(second.index)] = second.step;
    return list;
  }
};

}  // namespace cudet
