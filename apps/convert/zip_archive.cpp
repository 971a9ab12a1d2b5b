#include "apps/convert/zip_archive.h"

#include <zip.h>

#include <algorithm>
#include <filesystem>

#include "kernels/error.h"

namespace cudet::convert {
namespace {

constexpr std::uint64_t kMostExpansion = 1032;     // of deflate, by its format
constexpr std::uint64_t kMostBytes = 1ull << 30;   // of an entry; YOLOv8x' largest tensor has 15 million
constexpr std::uint64_t kMostEntries = 1'000'000;  // training checkpoints of YOLOv8x have about 1,500
constexpr std::size_t kChunk = 1 << 20;

Error unsound(const std::string& why) {
  return Error("damaged zip archive: " + why);
}

}  // namespace

void ZipArchive::Discard::operator()(zip* archive) const {
  zip_discard(archive);
}

ZipArchive ZipArchive::open(const std::string& path) {
  int code = 0;
  Handle archive(zip_open(path.c_str(), ZIP_RDONLY, &code));
  if (!archive) {
    zip_error_t error;
    zip_error_init_with_code(&error, code);
    const std::string why = zip_error_strerror(&error);
    zip_error_fini(&error);
    throw unsound(why);
  }
  return ZipArchive(std::move(archive), {}, std::filesystem::file_size(path));
}

ZipArchive ZipArchive::parse(std::vector<std::byte> bytes) {
  zip_error_t error;
  zip_error_init(&error);
  zip_source_t* source = zip_source_buffer_create(bytes.data(), bytes.size(), 0, &error);
  Handle archive(source ? zip_open_from_source(source, ZIP_RDONLY, &error) : nullptr);
  const std::string why = zip_error_strerror(&error);
  zip_error_fini(&error);
  if (!archive) {
    zip_source_free(source);  // an open archive would own it
    throw unsound(why);
  }
  const std::uint64_t size = bytes.size();
  return ZipArchive(std::move(archive), std::move(bytes), size);
}

ZipArchive::ZipArchive(Handle archive, std::vector<std::byte> bytes, std::uint64_t size)
    : bytes_(std::move(bytes)), archive_(std::move(archive)) {
  const zip_int64_t count = zip_get_num_entries(archive_.get(), 0);
  if (count < 0 || static_cast<std::uint64_t>(count) > kMostEntries) throw unsound("too many entries");
  for (std::uint64_t i = 0; i < static_cast<std::uint64_t>(count); ++i) {
    zip_stat_t stat;
    constexpr zip_uint64_t kNeeded = ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD;
    if (zip_stat_index(archive_.get(), i, ZIP_FL_ENC_RAW, &stat) != 0 || (stat.valid & kNeeded) != kNeeded)
      throw unsound("entry " + std::to_string(i) + " cannot be read");
    const std::string name = stat.name;
    if ((stat.valid & ZIP_STAT_ENCRYPTION_METHOD) && stat.encryption_method != ZIP_EM_NONE)
      throw Error("zip entry " + name + " is encrypted");
    if (stat.comp_method != ZIP_CM_STORE && stat.comp_method != ZIP_CM_DEFLATE)
      throw Error("zip entry " + name + " is packed in a way that is not supported: stored and deflated are");
    const std::uint64_t most = stat.comp_method == ZIP_CM_STORE ? stat.comp_size : stat.comp_size * kMostExpansion;
    if (stat.comp_size > size || stat.size > most || stat.size > kMostBytes)
      throw unsound("entry " + name + " claims " + std::to_string(stat.size) + " bytes");
    if (!entries_.emplace(name, Entry{i, stat.size}).second) throw unsound("two entries are called " + name);
  }
}

std::vector<std::byte> ZipArchive::read(const std::string& name) const {
  const auto found = entries_.find(name);
  if (found == entries_.end()) throw Error("the zip archive lacks " + name);
  const auto close = [](zip_file_t* file) { zip_fclose(file); };
  const std::unique_ptr<zip_file_t, decltype(close)> file(zip_fopen_index(archive_.get(), found->second.index, 0),
                                                          close);
  if (!file) throw unsound("entry " + name + ": " + zip_strerror(archive_.get()));
  const std::size_t size = static_cast<std::size_t>(found->second.size);
  std::vector<std::byte> bytes;
  for (;;) {  // memory grows with what arrives; the read behind the last byte verifies the checksum
    const std::size_t have = bytes.size();
    bytes.resize(std::min(have + kChunk, size + 1));
    const zip_int64_t got = zip_fread(file.get(), bytes.data() + have, bytes.size() - have);
    if (got < 0) throw unsound("entry " + name + ": " + zip_error_strerror(zip_file_get_error(file.get())));
    bytes.resize(have + static_cast<std::size_t>(got));
    if (got == 0) break;
    if (bytes.size() > size) throw unsound("entry " + name + " is longer than it says");
  }
  if (bytes.size() != size) throw unsound("entry " + name + " is cut short");
  return bytes;
}

}  // namespace cudet::convert
