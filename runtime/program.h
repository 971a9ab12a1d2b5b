// A Program: the network for one batch and input size, as a flat list of steps over one arena.
#pragma once
#include <string>
#include <variant>
#include <vector>

#include "kernels/conv2d/conv2d.h"
#include "kernels/conv2d_int8/conv2d_int8.h"
#include "kernels/copy/copy.h"
#include "kernels/detect_decode/detect_decode.h"
#include "kernels/dysample/dysample.h"
#include "kernels/max_pool/max_pool.h"
#include "kernels/upsample/upsample.h"
#include "layers/graph.h"
#include "runtime/buffer.h"
#include "runtime/compile/memory_plan.h"
#include "runtime/thread_pool.h"

namespace cudet {

/// What an executor does, one after the other. Adding an operator is adding an alternative.
using Step =
    std::variant<Conv2d, Conv2dInt8, MaxPool, MaxPoolChain, Upsample, Copy, DySample, ConvDySample, DetectDecode>;

/// The constants of a graph, in the order that the kernels of one executor read them.
struct PackedWeights {
  Buffer bytes;
  std::vector<std::size_t> offsets;  // of each of the graph's parameters, bytes; unused ones 0
};

/// All of a convolution that does not depend on the input's size.
Conv2d describe(const Graph& graph, const ConvOp& op);

/// Of a graph whose Program is looked at, not run: no bytes, and everything at offset 0.
PackedWeights no_weights(const Graph& graph);

/// What the kernels of an executor want.
struct Target {
  Type type = Type::f32;  // of activations and of convolutions' weights; offset maps of DySample and the output stay
                          // f32, and of u8, which the graph must be quantised for, what Detect reads
  bool cuda = false;  // fused steps; pixels, but the output's, start at multiples of 16 bytes (of at most 4 channels:
                      // of 4 elements)
};

/// Convolution weights as conv2d_cpu reads them, or (u8) conv2d_int8_cpu. Throws Error that names the module whose
/// weights are not finite, or what reading them throws. The pool's threads, if there is one, share the work.
PackedWeights pack_for_cpu(const Graph& graph, Type type = Type::f32, ThreadPool* pool = nullptr);
/// Convolution weights as conv2d_cuda reads them, of this type; biases f32. Throws Error that names the module whose
/// weights are beyond f16, or what reading them throws.
PackedWeights pack_for_cuda(const Graph& graph, Type type);
/// Convolution weights as run_reference reads them.
PackedWeights pack_for_reference(const Graph& graph);

struct Program {
  struct NamedStep {
    Step step;
    std::string name;  // of the module: "model.2.m.0.cv1"
    int row;           // of the network table
  };
  int batch;
  Extent input_size;
  std::vector<NamedStep> steps;
  Tensor input;                  // batch, H, W, 3: RGB in 0..1, of u8 in 0..255
  Tensor output;                 // batch, 1, anchors, 4 + classes: detect_decode.h
  std::vector<Tensor> rows;      // the result of each row; holds it for good only if asked for
  MemoryPlan memory;             // of the arena, weights aside
  std::size_t activation_bytes;  // of all buffers, did none share memory
};

/// Decides everything about running an optimised graph on `batch` pictures of `input` pixels: shapes, where each value
/// lives, the order of steps. With `keep_rows`, rows' results stay until the end. Throws Error naming the row that the
/// size does not suit.
Program compile(const Graph& graph, const PackedWeights& weights, int batch, Extent input, bool keep_rows = false,
                Target target = {});

}  // namespace cudet
