// Device memory: a range of addresses that only the device can access. Fresh memory is filled with NaN, and guards
// surround every allocation.
#pragma once
#include <cstddef>
#include <map>
#include <string>
#include <string_view>

namespace simt {

constexpr unsigned char kNaNByte = 0xff;  // value of every byte of fresh memory, shared or global, and of guards

/// Whether every byte of [begin, end) is kNaNByte.
bool untouched(const unsigned char* begin, const unsigned char* end);
/// Makes AddressSanitizer report any access to [begin, end) until unpoison(). No effect without AddressSanitizer.
void poison(const unsigned char* begin, const unsigned char* end);
void unpoison(const unsigned char* begin, const unsigned char* end);

class Memory {
 public:
  explicit Memory(std::size_t bytes);
  ~Memory();
  Memory(const Memory&) = delete;  // owns the range
  Memory& operator=(const Memory&) = delete;

  /// Returns nullptr if no free range is large enough.
  void* allocate(std::size_t bytes);
  /// Returns false if p is not the start of an allocation.
  bool release(const void* p);
  std::size_t total() const { return bytes_; }
  std::size_t available() const;
  std::size_t allocations() const { return allocations_.size(); }

  /// Whether p is a device address.
  bool owns(const void* p) const { return p >= base_ && p < base_ + bytes_; }
  /// Whether [p, p + bytes) is within one allocation.
  bool contains(const void* p, std::size_t bytes) const;
  /// Describes the first guard that a kernel has written to; empty if there is none.
  std::string damage() const;

  /// Makes the range accessible while the device works. Returns false if it already was.
  bool open();
  /// Makes any access to the range end the program.
  void close();

 private:
  unsigned char* base_;
  std::size_t bytes_, mapped_bytes_;
  void* mapping_;  // contains the range, which starts at a huge page
  bool open_ = false;
  std::map<unsigned char*, std::size_t> allocations_;  // start and size in bytes, without guards
};

}  // namespace simt
