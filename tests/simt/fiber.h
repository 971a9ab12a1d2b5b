// A stack of its own, on which code runs until it switches to another's. Boost.Context switches in about ten
// instructions, with no system call; AddressSanitizer is told of every switch.
#pragma once
#include <boost/context/detail/fcontext.hpp>
#include <cstddef>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#endif

namespace simt {

class Fiber {
 public:
  Fiber() = default;                       // what runs already, on the stack of the operating system's thread
  Fiber(unsigned number, void (*main)());  // `main` must not return; `number` spreads stacks over the cache's sets
  ~Fiber();
  Fiber(const Fiber&) = delete;  // whoever switches to it knows its address
  Fiber& operator=(const Fiber&) = delete;

  void restart();  // the next switch enters `main` anew, whatever became of the last

  /// Runs `to` until it, or another, switches back here. `for_good`: not before the next restart.
  void leave_for(Fiber& to, bool for_good = false) {
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_start_switch_fiber(for_good ? nullptr : &fake_stack_, to.bottom_, to.size_);
#endif
    static_cast<void>(for_good);
    Switch change{*this, to};
    arrived(boost::context::detail::jump_fcontext(to.context_, &change), fake_stack_);
  }

 private:
  struct Switch {
    Fiber &from, &to;
  };
  static void enter(boost::context::detail::transfer_t);
  static void arrived(boost::context::detail::transfer_t t, [[maybe_unused]] void* fake_stack) {
    Fiber& from = static_cast<Switch*>(t.data)->from;
    from.context_ = t.fctx;
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_finish_switch_fiber(fake_stack, &from.bottom_, &from.size_);
#endif
  }

  void* context_ = nullptr;       // where it goes on
  const void* bottom_ = nullptr;  // of its stack,
  std::size_t size_ = 0;          // in bytes
  void* fake_stack_ = nullptr;    // AddressSanitizer's
  std::size_t colour_ = 0;
  void (*main_)() = nullptr;
};

}  // namespace simt
