// What a step has to do at the least, whatever its kernel does.
#pragma once
#include "runtime/program.h"

namespace cudet::bench {

struct Work {
  double flops;  // 2 a multiply-add; an exponential, a division or a comparison 1; of a convolution the multiply-adds
                 // alone, as everyone counts
  double bytes;  // each element of inputs, weights and outputs once
};

Work work_of(const Step& step);

}  // namespace cudet::bench
