// Device memory: a range of addresses that only the device may touch, filled with NaN, with guards around every
// allocation.
#pragma once
#include <cstddef>
#include <map>
#include <string>
#include <string_view>

namespace simt {

constexpr unsigned char kNaN = 0xff;  // every byte of fresh memory, shared or global, and of guards

/// Whether [begin, end) still holds nothing but kNaN.
bool untouched(const unsigned char* begin, const unsigned char* end);
/// AddressSanitizer reports whoever touches [begin, end), until it is exposed again; without it, nothing happens.
void protect(const unsigned char* begin, const unsigned char* end);
void expose(const unsigned char* begin, const unsigned char* end);

class Memory {
 public:
  explicit Memory(std::size_t bytes);
  ~Memory();
  Memory(const Memory&) = delete;  // owns the range
  Memory& operator=(const Memory&) = delete;

  void* allocate(std::size_t bytes);  // nullptr where nothing fits
  bool release(const void* p);        // whether p was allocated
  std::size_t total() const { return bytes_; }
  std::size_t available() const;
  std::size_t allocations() const { return allocations_.size(); }

  bool owns(const void* p) const { return p >= base_ && p < base_ + bytes_; }
  bool holds(const void* p, std::size_t bytes) const;  // within one allocation
  std::string damage() const;                          // which guard was written to; empty: none

  bool open();  // the device works, and its memory can be read and written; false: it was open already
  void close();

 private:
  unsigned char* base_;
  std::size_t bytes_, mapped_;
  void* mapping_;  // in which the range starts at a huge page
  bool open_ = false;
  std::map<unsigned char*, std::size_t> allocations_;
};

}  // namespace simt
