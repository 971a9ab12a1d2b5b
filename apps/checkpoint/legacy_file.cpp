#include "apps/checkpoint/legacy_file.h"

#include <algorithm>
#include <iterator>

#include "apps/checkpoint/storage_type.h"
#include "kernels/error.h"

namespace cudet::convert {
namespace {

// 0x1950a86a20f9469cfc6c in a pickle of protocol 2 or later.
constexpr std::string_view kMagic("\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 12);

}  // namespace

bool LegacyFile::matches(std::string_view start) {
  // The protocol's number is before it, and from protocol 4 on a frame's length.
  return start.starts_with('\x80') &&
         (start.substr(2).starts_with(kMagic) ||
          (start.size() > 11 && start[2] == '\x95' && start.substr(11).starts_with(kMagic)));
}

LegacyFile::LegacyFile(std::unique_ptr<std::istream> stream) : stream_(std::move(stream)) {
  stream_->seekg(0, std::ios::end);
  size_ = static_cast<std::uint64_t>(std::max<std::streamoff>(stream_->tellg(), 0));
  next_pickle();  // the magic number
  if (next_pickle()->root().integer() != 1001) throw Error("saved in an unknown format of torch before 1.6");
  const std::unique_ptr<Pickle> machine = next_pickle();
  if (const auto little = machine->root().find("little_endian"); little && little->boolean() == false)
    throw Error("was saved on a big-endian machine: save it again on a little-endian one");
  pickle_ = next_pickle();
  find_storages(*next_pickle());
}

/// Parses the pickle at the current position and moves to its end. Its size is not stored, so a part of the file is
/// tried first, which is enough for most.
std::unique_ptr<Pickle> LegacyFile::next_pickle() {
  for (const std::uint64_t limit : {4ull << 10, 4ull << 20, 64ull << 20}) {
    std::vector<std::byte> bytes(static_cast<std::size_t>(std::min(limit, size_ - at_)));
    stream_->seekg(static_cast<std::streamoff>(at_));
    if (!stream_->read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size())))
      throw Error("cannot be read");
    const bool rest = bytes.size() == size_ - at_;
    try {
      auto pickle = std::make_unique<Pickle>(std::move(bytes));
      at_ += pickle->size();
      return pickle;
    } catch (const Error&) {
      if (rest || limit == 64ull << 20) throw;
    }
  }
  throw Error("has no end");
}

/// Finds where each storage is. Only the pickle says which type a storage has.
void LegacyFile::find_storages(const Pickle& keys) {
  std::map<std::string, std::string> types;
  for (const PickleValue id : pickle_->persistent_ids())
    if (id.size() >= 5 && id[0].text() == "storage" && id[2].text())
      types[std::string(*id[2].text())] = std::string(id[1].name());
  for (std::size_t i = 0; i < keys.root().size(); ++i) {
    const auto key = keys.root()[i].text();
    const auto type = key ? types.find(std::string(*key)) : types.end();
    if (type == types.end()) throw Error("holds a storage that nothing refers to");
    const StorageType* known = find_storage_type(type->second);
    if (!known) throw Error("elements of type " + type->second + " are not supported");
    std::uint64_t count = 0;
    stream_->seekg(static_cast<std::streamoff>(at_));
    if (size_ - at_ < sizeof count || !stream_->read(reinterpret_cast<char*>(&count), sizeof count))
      throw Error("is truncated");
    at_ += sizeof count;
    if (count > (size_ - at_) / known->bytes) throw Error("is truncated: storage " + type->first + " is not complete");
    const std::uint64_t bytes = count * known->bytes;
    storages_[type->first] = {at_, bytes};
    at_ += bytes;
    stored_ += bytes;
  }
}

const LegacyFile::Storage& LegacyFile::find(const std::string& key) const {
  const auto found = storages_.find(key);
  if (found == storages_.end()) throw Error("storage " + key + " is missing");
  return found->second;
}

std::vector<std::byte> LegacyFile::read(const std::string& key, std::uint64_t count) const {
  const Storage& storage = find(key);
  std::vector<std::byte> bytes(static_cast<std::size_t>(std::min(count, storage.bytes)));
  stream_->seekg(static_cast<std::streamoff>(storage.offset));
  if (!stream_->read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size())))
    throw Error("storage " + key + " cannot be read");
  return bytes;
}

}  // namespace cudet::convert
