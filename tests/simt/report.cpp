// Reports of faults: the name of the kernel, the location of a thread, why a block cannot continue.
#include <cxxabi.h>
#include <dlfcn.h>
#include <elf.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <vector>

#include "tests/simt/grid.h"

namespace simt {
namespace {

template <class T>
std::vector<T> read(std::ifstream& file, std::size_t at, std::size_t bytes) {
  std::vector<T> data(bytes / sizeof(T));
  file.seekg(static_cast<std::streamoff>(at));
  file.read(reinterpret_cast<char*>(data.data()), static_cast<std::streamsize>(bytes));
  return file ? data : std::vector<T>{};
}

// The function's mangled name from the symbol table of the program or library that contains it. dladdr() does not know
// kernels in unnamed namespaces, which are not exported.
std::string symbol(const void* function) {
  Dl_info info{};
  if (dladdr(function, &info) == 0) return {};
  std::ifstream file(info.dli_fname, std::ios::binary);
  const std::vector<Elf64_Ehdr> header = read<Elf64_Ehdr>(file, 0, sizeof(Elf64_Ehdr));
  if (header.empty()) return {};
  const std::vector<Elf64_Shdr> sections =
      read<Elf64_Shdr>(file, header[0].e_shoff, header[0].e_shnum * sizeof(Elf64_Shdr));
  const std::size_t address = reinterpret_cast<std::size_t>(function) -
                              (header[0].e_type == ET_DYN ? reinterpret_cast<std::size_t>(info.dli_fbase) : 0);
  for (const Elf64_Shdr& section : sections) {
    if (section.sh_type != SHT_SYMTAB) continue;
    for (const Elf64_Sym& symbol : read<Elf64_Sym>(file, section.sh_offset, section.sh_size))
      if (ELF64_ST_TYPE(symbol.st_info) == STT_FUNC && symbol.st_value == address) {
        const std::vector<char> names =
            read<char>(file, sections[section.sh_link].sh_offset, sections[section.sh_link].sh_size);
        return names.data() + symbol.st_name;
      }
  }
  return {};
}

std::string to_string(uint3 i) {
  return "(" + std::to_string(i.x) + "," + std::to_string(i.y) + "," + std::to_string(i.z) + ")";
}

bool waits_for_lanes(const Thread& thread) {
  return std::any_of(thread.warp->pending, thread.warp->pending + thread.warp->pending_count,
                     [&](const Warp::Pending& p) { return (p.arrived >> thread.lane & 1) != 0; });
}

std::string waiting_state(const Thread& thread) {
  if ((thread.warp->live >> thread.lane & 1) == 0) return "has returned";
  return std::string((thread.warp->polling >> thread.lane & 1) != 0 ? "polls" : "waits") + " at " +
         thread.site.file_name() + ":" + std::to_string(thread.site.line());
}

}  // namespace

std::string kernel_name(const void* kernel) {
  const std::string mangled = symbol(kernel);
  int status = 0;
  char* const demangled = abi::__cxa_demangle(mangled.c_str(), nullptr, nullptr, &status);
  std::string name = status == 0 ? demangled : mangled;
  std::free(demangled);
  for (const char* noise : {"(anonymous namespace)::", "void ", "cudet::"})
    for (std::size_t at; (at = name.find(noise)) != std::string::npos;) name.erase(at, std::strlen(noise));
  if (const std::size_t parameters = name.rfind('('); parameters != std::string::npos) name.erase(parameters);
  return name.empty() ? "?" : name;
}

std::string location(const Thread& thread) {
  const Block& block = *thread.warp->block;
  return "kernel " + kernel_name(block.grid->launch.kernel) + ", block " + to_string(block.index) + ", thread " +
         to_string(thread.index);
}

std::string deadlock_report(const Block& block) {
  const auto end = block.threads.begin() + block.size;
  const auto live = [](const auto& t) { return (t->warp->live >> t->lane & 1) != 0; };
  auto first = std::find_if(block.threads.begin(), end, [&](const auto& t) { return waits_for_lanes(*t); });
  const bool divergence =
      first == end && block.at_barrier > 0 && block.at_barrier + (block.size - block.live) == block.size;
  if (first == end) first = std::find_if(block.threads.begin(), end, live);
  const auto other = std::find_if(block.threads.begin(), end,
                                  [&](const auto& t) { return waiting_state(*t) != waiting_state(**first); });
  return location(**first) + ": " + (divergence ? "barrier divergence: " : "deadlock: ") + waiting_state(**first) +
         (other == end ? ", as do all other threads"
                       : ", thread " + to_string((*other)->index) + " " + waiting_state(**other));
}

}  // namespace simt
