// A library to preload: makes one call that a program makes after the start of main() fail.
//   LD_PRELOAD=fault.so FAULT=fsync:2:5 program      the second fsync() fails with errno 5
//   LD_PRELOAD=fault.so FAULT=malloc:100:12 program  the 100th allocation of any kind returns nothing
//   FAULT=fsync:2:5:on                               the same, and all fsync() after it
//   FAULT_COUNT=FILE                                 also writes the number of such calls to FILE at the end
// Used by sweep.py.
#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

// The allocator of glibc under its own names: looking it up with dlsym() would allocate.
extern "C" {
void* __libc_malloc(size_t);
void* __libc_calloc(size_t, size_t);
void* __libc_realloc(void*, size_t);
void* __libc_memalign(size_t, size_t);
}

namespace {

char kind[32];
long first = 0;
int error = EIO;
bool from_then_on = false;
std::atomic<bool> active = false;
std::atomic<long> calls = 0;

/// Counts a call. Returns whether it must fail, and then sets errno.
bool fails(const char* name) {
  if (!active || std::strcmp(name, kind) != 0) return false;
  const long call = ++calls;
  if (call != first && !(from_then_on && first > 0 && call > first)) return false;
  errno = error;
  return true;
}

int (*program_main)(int, char**, char**);

int main_with_faults(int argc, char** argv, char** environment) {
  if (const char* fault = std::getenv("FAULT")) {
    char more[4] = "";
    std::sscanf(fault, "%31[a-z_0-9]:%ld:%d:%3s", kind, &first, &error, more);
    from_then_on = std::strcmp(more, "on") == 0;
  }
  active = true;
  const int status = program_main(argc, argv, environment);
  active = false;
  if (const char* path = std::getenv("FAULT_COUNT"))
    if (FILE* file = std::fopen(path, "w")) {
      std::fprintf(file, "%ld\n", calls.load());
      std::fclose(file);
    }
  return status;
}

template <class Function>
Function next(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" int __libc_start_main(int (*given)(int, char**, char**), int argc, char** argv, void (*init)(),
                                 void (*fini)(), void (*loader)(), void* stack) {
  program_main = given;
  using Start = int (*)(int (*)(int, char**, char**), int, char**, void (*)(), void (*)(), void (*)(), void*);
  return next<Start>("__libc_start_main")(main_with_faults, argc, argv, init, fini, loader, stack);
}

extern "C" void* malloc(size_t bytes) {
  return fails("malloc") ? nullptr : __libc_malloc(bytes);
}
extern "C" void* calloc(size_t count, size_t bytes) {
  return fails("malloc") ? nullptr : __libc_calloc(count, bytes);
}
extern "C" void* realloc(void* old, size_t bytes) {
  return fails("malloc") ? nullptr : __libc_realloc(old, bytes);
}
extern "C" void* aligned_alloc(size_t alignment, size_t bytes) {
  return fails("malloc") ? nullptr : __libc_memalign(alignment, bytes);
}
extern "C" int posix_memalign(void** out, size_t alignment, size_t bytes) {
  if (fails("malloc")) return ENOMEM;
  *out = __libc_memalign(alignment, bytes);
  return *out ? 0 : ENOMEM;
}

#define FAULTY(type, name, parameters, arguments)          \
  extern "C" type name parameters {                        \
    static const auto real = next<decltype(&name)>(#name); \
    return fails(#name) ? -1 : real arguments;             \
  }
FAULTY(ssize_t, read, (int file, void* to, size_t bytes), (file, to, bytes))
FAULTY(ssize_t, pread, (int file, void* to, size_t bytes, off_t at), (file, to, bytes, at))
FAULTY(ssize_t, write, (int file, const void* from, size_t bytes), (file, from, bytes))
FAULTY(ssize_t, pwrite, (int file, const void* from, size_t bytes, off_t at), (file, from, bytes, at))
FAULTY(int, fsync, (int file), (file))
FAULTY(int, ftruncate, (int file, off_t bytes) noexcept, (file, bytes))
FAULTY(int, rename, (const char* from, const char* to) noexcept, (from, to))
FAULTY(int, close, (int file), (file))
FAULTY(int, poll, (pollfd * files, nfds_t count, int milliseconds), (files, count, milliseconds))
FAULTY(int, fstat, (int file, struct stat* status) noexcept, (file, status))
FAULTY(int, stat, (const char* path, struct stat* status) noexcept, (path, status))
FAULTY(int, access, (const char* path, int mode) noexcept, (path, mode))
FAULTY(int, mkdir, (const char* path, mode_t mode) noexcept, (path, mode))
FAULTY(int, unlink, (const char* path) noexcept, (path))
#undef FAULTY

extern "C" int open(const char* path, int flags, ...) {
  static const auto real = next<int (*)(const char*, int, mode_t)>("open");
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return fails("open") ? -1 : real(path, flags, mode);
}

extern "C" int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*body)(void*),
                              void* argument) {
  static const auto real = next<decltype(&pthread_create)>("pthread_create");
  return fails("pthread_create") ? EAGAIN : real(thread, attributes, body, argument);
}
