#include "apps/checkpoint/torch_file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

#include "apps/checkpoint/storage_type.h"
#include "kernels/error.h"

namespace cudet::convert {
namespace {

constexpr std::uint64_t kMaxSharing = 4;       // all tensors together are at most this multiple of the stored bytes
constexpr std::uint64_t kFreeBytes = 1 << 20;  // plus this
constexpr std::size_t kMaxDimensions = 8;
constexpr int kMaxWrappers = 4;  // nested rebuild calls: a parameter of a tensor of a …

constexpr std::string_view kZip = "PK\x03\x04";
constexpr const char* kNotTorch =
    "not a checkpoint of torch.save (neither a zip archive nor the format of before torch 1.6)";

constexpr StorageType kStorageTypes[] = {
    {"FloatStorage", 4, Dtype::f32},  {"HalfStorage", 2, Dtype::f16}, {"BFloat16Storage", 2, Dtype::bf16},
    {"DoubleStorage", 8, Dtype::f64}, {"LongStorage", 8, Dtype::i64}, {"IntStorage", 4, Dtype::i32},
    {"ByteStorage", 1, Dtype::u8},    {"BoolStorage", 1, Dtype::u8},  {"ShortStorage", 2, {}},
    {"CharStorage", 1, {}},           {"ComplexFloatStorage", 8, {}}, {"ComplexDoubleStorage", 16, {}}};

/// Returns the arguments of the _rebuild_tensor_v2 call inside a pickled tensor: storage, offset, sizes, strides.
/// Returns nothing if the value is not a tensor.
std::optional<PickleValue> rebuild_arguments(PickleValue value) {
  for (int i = 0; i < kMaxWrappers && value.is_object(); ++i) {
    const PickleValue arguments = value.arguments();
    if (!value.module().starts_with("torch.")) return std::nullopt;
    if (value.name() == "_rebuild_tensor_v2" || value.name() == "_rebuild_tensor") {
      if (arguments.size() < 4) return std::nullopt;
      return arguments;
    }
    if (value.name() == "_rebuild_from_type_v2") {  // a tensor with attributes: function, type, arguments, state
      if (arguments.size() < 3 || arguments[0].name() != "_rebuild_tensor_v2" || arguments[2].size() < 4)
        return std::nullopt;
      return arguments[2];
    }
    if (!value.name().starts_with("_rebuild_parameter") || arguments.size() == 0) return std::nullopt;
    value = arguments[0];
  }
  return std::nullopt;
}

/// Returns the number of storage elements from the first to the last element of a tensor. Returns nothing if the number
/// does not fit in 64 bits, or if a size or stride is negative.
std::optional<std::uint64_t> storage_extent(const std::vector<std::int64_t>& shape,
                                            const std::vector<std::int64_t>& strides) {
  std::uint64_t last = 0;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] < 0 || strides[i] < 0) return std::nullopt;
    std::uint64_t step;
    if (__builtin_mul_overflow(static_cast<std::uint64_t>(std::max<std::int64_t>(shape[i] - 1, 0)),
                               static_cast<std::uint64_t>(strides[i]), &step) ||
        __builtin_add_overflow(last, step, &last))
      return std::nullopt;
  }
  return std::count(shape.begin(), shape.end(), 0) ? 0 : last + 1;
}

bool is_contiguous(const std::vector<std::int64_t>& shape, const std::vector<std::int64_t>& strides) {
  std::int64_t expected = 1;
  for (std::size_t i = shape.size(); i-- > 0;) {
    if (shape[i] != 1 && strides[i] != expected) return false;
    expected *= shape[i];
  }
  return true;
}

}  // namespace

const StorageType* find_storage_type(std::string_view name) {
  const auto known = std::find_if(std::begin(kStorageTypes), std::end(kStorageTypes),
                                  [&](const StorageType& type) { return type.name == name; });
  return known == std::end(kStorageTypes) ? nullptr : known;
}

TorchFile TorchFile::open(const std::string& path, std::uint64_t max_bytes) {
  std::error_code ignored;  // opening the file reports the reason
  const auto status = std::filesystem::status(path, ignored);
  if (status.type() == std::filesystem::file_type::not_found) throw Error("no such file");
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) throw Error("not a regular file");
  auto file = std::make_unique<std::ifstream>(path, std::ios::binary);
  if (!*file) throw Error(std::string("cannot open: ") + std::strerror(errno));
  char start[32];
  file->read(start, sizeof start);
  const std::string_view first(start, static_cast<std::size_t>(file->gcount()));
  file->clear();
  const bool legacy = LegacyFile::matches(first);
  if (!legacy && !first.starts_with(kZip)) throw Error(kNotTorch);
  TorchFile opened =
      legacy ? TorchFile(std::make_unique<LegacyFile>(std::move(file))) : TorchFile(ZipArchive::open(path));
  opened.max_bytes_ = max_bytes;
  return opened;
}

TorchFile TorchFile::parse(std::vector<std::byte> bytes) {
  const std::string_view all(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (LegacyFile::matches(all))
    return TorchFile(std::make_unique<LegacyFile>(std::make_unique<std::istringstream>(std::string(all))));
  if (!all.starts_with(kZip)) throw Error(kNotTorch);
  return TorchFile(ZipArchive::parse(std::move(bytes)));
}

TorchFile::TorchFile(std::unique_ptr<LegacyFile> file) : legacy_(std::move(file)) {
  pickle_ = legacy_->take_pickle();
  stored_ = legacy_->stored();
}

TorchFile TorchFile::assemble(std::vector<std::byte> pickle, std::map<std::string, std::vector<std::byte>> storages) {
  TorchFile file;
  file.pickle_ = std::make_unique<Pickle>(std::move(pickle));
  for (auto& [key, bytes] : storages) {
    file.stored_ += bytes.size();
    file.storages_[key] = file.memory_.emplace_back(std::move(bytes));
  }
  return file;
}

TorchFile::TorchFile(ZipArchive archive) : archive_(std::move(archive)) {
  const std::string pickle = "data.pkl";
  std::vector<std::string> found;
  for (const auto& [name, entry] : archive_->entries())
    if (std::filesystem::path(name).filename() == pickle) found.push_back(name);
  if (found.size() != 1) throw Error("not a checkpoint of torch.save (no data.pkl in the archive)");
  folder_ = found[0].substr(0, found[0].size() - pickle.size());
  if (archive_->entries().contains(folder_ + "constants.pkl"))
    throw Error("is a TorchScript program: convert the checkpoint that it was exported from");
  if (archive_->entries().contains(folder_ + "byteorder")) {
    const std::vector<std::byte> order = archive_->read(folder_ + "byteorder", 16);
    if (std::string_view(reinterpret_cast<const char*>(order.data()), order.size()) != "little")
      throw Error("was saved on a big-endian machine: save it again on a little-endian one");
  }
  for (const auto& [name, entry] : archive_->entries())
    if (name.starts_with(folder_ + "data/")) stored_ += entry.size;
  if (archive_->entries().at(found[0]).size > kMaxPickleBytes) throw Error(kPickleTooLarge);
  pickle_ = std::make_unique<Pickle>(archive_->read(found[0]));
}

void TorchFile::count_memory(std::uint64_t bytes) {
  if (bytes > max_bytes_ - used_)
    throw Error("the checkpoint's tensors take more than " + std::to_string(max_bytes_ >> 20) +
                " MiB of memory: convert --max-memory raises the limit");
  used_ += bytes;
}

/// Returns the size of a storage in the file.
std::uint64_t TorchFile::storage_bytes(const std::string& key) const {
  if (legacy_) return legacy_->bytes(key);
  if (archive_) {
    const auto found = archive_->entries().find(folder_ + "data/" + key);
    if (found != archive_->entries().end()) return found->second.size;
  } else if (const auto found = storages_.find(key); found != storages_.end()) {
    return found->second.size();
  }
  throw Error("storage " + key + " is missing");
}

/// Returns at least the first `bytes` of a storage.
std::span<const std::byte> TorchFile::storage(const std::string& key, std::uint64_t bytes) {
  const auto known = storages_.find(key);
  if (known != storages_.end() && known->second.size() >= bytes) return known->second;
  // Only the part that the first tensor needs; for a second one all. Earlier tensors keep the memory of the first read.
  if (known != storages_.end()) bytes = storage_bytes(key);
  count_memory(bytes);
  return storages_[key] =
             memory_.emplace_back(legacy_ ? legacy_->read(key, bytes) : archive_->read(folder_ + "data/" + key, bytes));
}

bool TorchFile::is_tensor(PickleValue value) {
  return rebuild_arguments(value).has_value();
}

StoredTensor TorchFile::tensor(PickleValue value, const std::string& name) {
  const auto fail = [&](const std::string& why) { return Error(name + ": " + why); };
  const std::optional<PickleValue> arguments = rebuild_arguments(value);
  if (!arguments) throw fail("is not a tensor as torch.save writes it");
  const std::optional<PickleValue> id = (*arguments)[0].persistent();
  if (!id || id->size() < 5 || (*id)[0].text() != "storage" || !(*id)[2].text()) throw fail("has no valid storage");
  const std::string_view type = (*id)[1].name();
  const StorageType* known = find_storage_type(type);
  if (id->size() > 5 && !(*id)[5].none()) throw fail("is a view of another storage, which is not supported");
  if (!known || !known->dtype) throw fail("elements of type " + std::string(type) + " are not supported");

  StoredTensor tensor{*known->dtype, (*arguments)[2].integers(), {}};
  const std::vector<std::int64_t> strides = (*arguments)[3].integers();
  const std::optional<std::int64_t> offset = (*arguments)[1].integer();
  if (!offset || *offset < 0 || tensor.shape.size() != (*arguments)[2].size() ||
      strides.size() != tensor.shape.size() || tensor.shape.size() > kMaxDimensions)
    throw fail("has invalid sizes or strides");
  const std::string key(*(*id)[2].text());
  const std::uint64_t stored = storage_bytes(key), available = stored / size_of(tensor.dtype);
  const std::optional<std::int64_t> count = (*id)[4].integer();
  if (count != static_cast<std::int64_t>(available) || stored % size_of(tensor.dtype) != 0)
    throw fail("its storage has " + std::to_string(stored) + " bytes, which is not what its type and count need");
  const std::optional<std::uint64_t> needed = storage_extent(tensor.shape, strides);
  if (!needed || static_cast<std::uint64_t>(*offset) > available || *needed > available - *offset)
    throw fail("reaches outside of its storage");

  std::uint64_t bytes = size_of(tensor.dtype);
  bool fits = true;
  for (const std::int64_t d : tensor.shape)
    fits = fits && !__builtin_mul_overflow(bytes, static_cast<std::uint64_t>(d), &bytes);
  if (!fits || __builtin_add_overflow(returned_, bytes, &returned_) || returned_ > kMaxSharing * stored_ + kFreeBytes)
    throw fail("the tensors are larger than the file can hold");
  if (needed == 0u) return tensor;  // a size is 0, and others may be huge
  const std::span<const std::byte> memory = storage(key, (*offset + *needed) * size_of(tensor.dtype));
  tensor.data = memory.subspan(static_cast<std::size_t>(*offset) * size_of(tensor.dtype),
                               static_cast<std::size_t>(*needed) * size_of(tensor.dtype));
  const bool whole = is_contiguous(tensor.shape, strides);
  return whole && tensor.dtype != Dtype::f64 ? tensor : copy(tensor, strides);
}

StoredTensor TorchFile::own(const std::vector<std::int64_t>& shape, const std::vector<float>& values) {
  const auto bytes = std::as_bytes(std::span(values));
  count_memory(bytes.size());
  return {Dtype::f32, shape, memory_.emplace_back(bytes.begin(), bytes.end())};
}

/// Copies the elements of strided memory in row-major order; converts f64 to f32.
StoredTensor TorchFile::copy(const StoredTensor& memory, const std::vector<std::int64_t>& strides) {
  const std::size_t size = size_of(memory.dtype);
  std::size_t count = 1;
  for (const std::int64_t d : memory.shape) count *= static_cast<std::size_t>(d);
  count_memory(count * size);
  std::vector<std::byte>& bytes = memory_.emplace_back(count * size);
  std::vector<std::int64_t> at(memory.shape.size());
  std::size_t from = 0;
  for (std::size_t i = 0; i < count; ++i) {
    std::memcpy(bytes.data() + i * size, memory.data.data() + from * size, size);
    for (std::size_t d = at.size(); d-- > 0;) {  // increment the index, innermost axis first
      from += static_cast<std::size_t>(strides[d]);
      if (++at[d] < memory.shape[d]) break;
      from -= static_cast<std::size_t>(strides[d] * memory.shape[d]);
      at[d] = 0;
    }
  }
  StoredTensor tensor{memory.dtype, memory.shape, bytes};
  if (memory.dtype != Dtype::f64) return tensor;
  const std::vector<float> values = tensor.to_f32();
  bytes.resize(count * sizeof(float));
  if (count) std::memcpy(bytes.data(), values.data(), bytes.size());
  return {Dtype::f32, memory.shape, bytes};
}

}  // namespace cudet::convert
