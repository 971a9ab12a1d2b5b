#include "apps/checkpoint/zip_archive.h"

#include <zip.h>

#include <algorithm>
#include <filesystem>

#include "kernels/error.h"

namespace cudet::convert {
namespace {

constexpr std::uint64_t kMaxExpansion = 1032;     // limit of the deflate format
constexpr std::uint64_t kMaxEntries = 1'000'000;  // training checkpoints of YOLOv8x have about 1,500
constexpr std::size_t kChunk = 1 << 20;

Error damaged(const std::string& why) {
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
    if (code == ZIP_ER_OPEN || code == ZIP_ER_READ || code == ZIP_ER_MEMORY) throw Error("cannot read: " + why);
    throw damaged(why);
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
    throw damaged(why);
  }
  const std::uint64_t size = bytes.size();
  return ZipArchive(std::move(archive), std::move(bytes), size);
}

ZipArchive::ZipArchive(Handle archive, std::vector<std::byte> bytes, std::uint64_t size)
    : bytes_(std::move(bytes)), archive_(std::move(archive)) {
  const zip_int64_t count = zip_get_num_entries(archive_.get(), 0);
  if (count < 0 || static_cast<std::uint64_t>(count) > kMaxEntries) throw damaged("too many entries");
  for (std::uint64_t i = 0; i < static_cast<std::uint64_t>(count); ++i) {
    zip_stat_t stat;
    constexpr zip_uint64_t kNeeded = ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD;
    if (zip_stat_index(archive_.get(), i, ZIP_FL_ENC_RAW, &stat) != 0 || (stat.valid & kNeeded) != kNeeded)
      throw damaged("entry " + std::to_string(i) + " cannot be read");
    const std::string name = stat.name;
    if ((stat.valid & ZIP_STAT_ENCRYPTION_METHOD) && stat.encryption_method != ZIP_EM_NONE)
      throw Error("zip entry " + name + " is encrypted");
    if (stat.comp_method != ZIP_CM_STORE && stat.comp_method != ZIP_CM_DEFLATE)
      throw Error("zip entry " + name + " uses an unsupported compression, expected stored or deflate");
    const std::uint64_t limit = stat.comp_method == ZIP_CM_STORE ? stat.comp_size : stat.comp_size * kMaxExpansion;
    if (stat.comp_size > size || stat.size > limit)
      throw damaged("entry " + name + " has an impossible size of " + std::to_string(stat.size) + " bytes");
    if (!entries_.emplace(name, Entry{i, stat.size}).second) throw damaged("two entries are named " + name);
  }
}

std::vector<std::byte> ZipArchive::read(const std::string& name, std::uint64_t count) const {
  const auto found = entries_.find(name);
  if (found == entries_.end()) throw Error("the zip archive has no entry " + name);
  const auto close = [](zip_file_t* file) { zip_fclose(file); };
  const std::unique_ptr<zip_file_t, decltype(close)> file(zip_fopen_index(archive_.get(), found->second.index, 0),
                                                          close);
  if (!file) throw damaged("entry " + name + ": " + zip_strerror(archive_.get()));
  const std::size_t size = static_cast<std::size_t>(found->second.size);
  // libzip verifies the checksum when it reads past the last byte.
  const std::size_t end = count < size ? static_cast<std::size_t>(count) : size + 1;
  std::vector<std::byte> bytes;
  while (bytes.size() < end) {  // memory grows only with the data read
    const std::size_t have = bytes.size();
    bytes.resize(std::min(have + kChunk, end));
    const zip_int64_t got = zip_fread(file.get(), bytes.data() + have, bytes.size() - have);
    if (got < 0) throw damaged("entry " + name + ": " + zip_error_strerror(zip_file_get_error(file.get())));
    bytes.resize(have + static_cast<std::size_t>(got));
    if (got == 0) break;
    if (bytes.size() > size) throw damaged("entry " + name + " is longer than its declared size");
  }
  if (bytes.size() != std::min<std::uint64_t>(count, size)) throw damaged("entry " + name + " is truncated");
  return bytes;
}

}  // namespace cudet::convert
