// A fiber: a stack of its own, on which code runs until it switches to another fiber. A CUDA thread is one fiber.
// Boost.Context switches in about ten instructions, without a system call. AddressSanitizer is told of every switch.
#pragma once
#include <boost/context/detail/fcontext.hpp>
#include <cstddef>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#endif

namespace simt {

class Fiber {
 public:
  /// The caller itself, on the stack of its operating system thread.
  Fiber() = default;
  /// A fiber that runs `main`, which must not return. `number` shifts the stack's start, so that the stacks of a block
  /// do not all compete for the same cache sets.
  Fiber(unsigned number, void (*main)());
  ~Fiber();
  Fiber(const Fiber&) = delete;  // other fibers hold its address
  Fiber& operator=(const Fiber&) = delete;

  /// Makes the next switch to this fiber enter `main` from the start, wherever it was suspended.
  void restart();

  /// Suspends this fiber and runs `to`. Returns when some fiber switches back to this one. `finished`: that does not
  /// happen before the next restart().
  void switch_to(Fiber& to, bool finished = false) {
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_start_switch_fiber(finished ? nullptr : &fake_stack_, to.stack_, to.stack_bytes_);
#endif
    static_cast<void>(finished);
    Switch change{*this, to};
    complete_switch(boost::context::detail::jump_fcontext(to.context_, &change), fake_stack_);
  }

 private:
  struct Switch {
    Fiber &from, &to;
  };
  static void enter(boost::context::detail::transfer_t);
  // Runs on the new stack: stores where the previous fiber was suspended.
  static void complete_switch(boost::context::detail::transfer_t t, [[maybe_unused]] void* fake_stack) {
    Fiber& from = static_cast<Switch*>(t.data)->from;
    from.context_ = t.fctx;
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_finish_switch_fiber(fake_stack, &from.stack_, &from.stack_bytes_);
#endif
  }

  void* context_ = nullptr;      // where the fiber resumes
  const void* stack_ = nullptr;  // lowest address
  std::size_t stack_bytes_ = 0;
  void* fake_stack_ = nullptr;    // AddressSanitizer's
  std::size_t stack_offset_ = 0;  // of the first frame from the top of the stack, in bytes
  void (*main_)() = nullptr;
};

}  // namespace simt
