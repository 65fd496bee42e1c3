#include "nn/safetensors.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "base/descriptor.h"
#include "base/error.h"
#include "nn/float16.h"
#include "tensor/blocked_layout.h"
#include "tensor/dtype.h"

namespace echo {
namespace {

[[noreturn]] void throw_errno(const std::string& what, int error) {
  const std::string message = what + ": " + std::generic_category().message(error);
  if (error == ENOENT || error == ENOTDIR || error == ELOOP) throw_not_found(message);
  throw_unavailable(message);
}

[[noreturn]] void throw_dtype(const TensorView& tensor, const char* expected) {
  throw_corrupt(tensor.label() + ": found dtype " + quoted_name(tensor.dtype_name) + ", expected " +
                expected);
}

template <class T>
const T* elements_as(const TensorView& tensor) {
  return reinterpret_cast<const T*>(tensor.bytes.data());
}

// Advice on the whole pages that hold the tensor. A failure changes nothing that matters.
void advise(const TensorView& tensor, int advice) {
  // Advice of no need would set memory that is no file's to zero.
  if (tensor.bytes.empty() || !tensor.mapped) return;
  const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto begin = reinterpret_cast<uintptr_t>(tensor.bytes.data()) / page * page;
  const auto end = reinterpret_cast<uintptr_t>(tensor.bytes.data() + tensor.bytes.size());
  ::madvise(reinterpret_cast<void*>(begin), end - begin, advice);
}

// Makes a stored row of elements the matrix that the layout describes.
void apply_layout(TensorView& tensor, const std::string& text) {
  BlockedLayout layout;
  try {
    layout = BlockedLayout::parse(text);
  } catch (const Error& error) {
    throw_corrupt(tensor.label() + ": " + error.what());
  }
  // Codes of 8 bits lie in whole words, since their scales follow.
  const FileDType dtype = layout.dtype == DType::kBFloat16 ? FileDType::kBFloat16
                          : layout.dtype == DType::kInt8   ? FileDType::kInt32
                                                           : FileDType::kFloat32;
  if (tensor.dtype != dtype ||
      tensor.shape != std::vector<int64_t>{layout.bytes() / file_dtype_size(dtype)}) {
    throw_corrupt(tensor.label() + ": found " + tensor.dtype_name + " " + shape_text(tensor.shape) +
                  ", expected what the layout \"" + text + "\" takes");
  }
  tensor.shape = {layout.out, layout.in};
  tensor.layout = text;
  if (dtype == FileDType::kInt32) tensor.dtype = FileDType::kFloat32;  // what its values are
}

// What codes of 8 bits stand for, row by row.
void widen_codes(const BlockedLayout& layout, std::span<const std::byte> stored,
                 std::span<float> out) {
  const auto codes = static_cast<size_t>(layout.elements());
  std::vector<int8_t> rows(out.size());
  unblock(layout, stored.first(codes), std::as_writable_bytes(std::span(rows)));
  for (int64_t o = 0; o < layout.out; ++o) {
    float scale;
    std::memcpy(&scale, stored.data() + codes + static_cast<size_t>(o) * sizeof scale,
                sizeof scale);
    const auto begin = static_cast<size_t>(o * layout.in);
    for (size_t i = begin; i < begin + static_cast<size_t>(layout.in); ++i) {
      out[i] = static_cast<float>(rows[i]) * scale;
    }
  }
}

// The matrix row by row.
std::vector<std::byte> rows_of(const TensorView& tensor) {
  std::vector<std::byte> rows(
      static_cast<size_t>(tensor.elements() * file_dtype_size(tensor.dtype)));
  unblock(BlockedLayout::parse(tensor.layout), tensor.bytes, rows);
  return rows;
}

}  // namespace

int64_t TensorView::elements() const {
  int64_t count = 1;
  for (const int64_t dim : shape) {
    if (dim == 0) return 0;  // before a product of the others could overflow
  }
  for (const int64_t dim : shape) count *= dim;
  return count;
}

std::vector<float> TensorView::to_float32() const {
  if (!is_float()) throw_dtype(*this, "F32, BF16 or F16");
  std::vector<float> values(static_cast<size_t>(elements()));
  to_float32(values);
  return values;
}

void TensorView::to_float32(std::span<float> out) const {
  if (!is_float()) throw_dtype(*this, "F32, BF16 or F16");
  if (static_cast<int64_t>(out.size()) != elements()) {
    throw_internal(label() + ": room for " + std::to_string(out.size()) + " floats, expected " +
                   std::to_string(elements()));
  }
  if (out.empty()) return;
  if (!layout.empty()) {
    if (const BlockedLayout blocked = BlockedLayout::parse(layout); blocked.dtype == DType::kInt8) {
      return widen_codes(blocked, bytes, out);
    }
    TensorView plain = *this;
    const std::vector<std::byte> rows = rows_of(*this);
    plain.bytes = rows;
    plain.layout.clear();
    return plain.to_float32(out);
  }
  if (dtype == FileDType::kFloat32) {
    std::memcpy(out.data(), bytes.data(), bytes.size());
    return;
  }
  const auto* bits = elements_as<uint16_t>(*this);
  const auto convert = dtype == FileDType::kBFloat16 ? bfloat16_to_float : float16_to_float;
  std::transform(bits, bits + out.size(), out.begin(), convert);
}

std::vector<int64_t> TensorView::to_int64() const {
  const auto count = static_cast<size_t>(elements());
  if (dtype == FileDType::kInt32) {
    const auto* values = elements_as<int32_t>(*this);
    return {values, values + count};
  }
  if (dtype == FileDType::kInt64) {
    const auto* values = elements_as<int64_t>(*this);
    return {values, values + count};
  }
  throw_dtype(*this, "I32 or I64");
}

std::vector<uint8_t> TensorView::to_bools() const {
  if (dtype != FileDType::kBool) throw_dtype(*this, "BOOL");
  std::vector<uint8_t> values;
  for (const std::byte value : bytes) values.push_back(value != std::byte{0});
  return values;
}

std::string TensorView::label() const {
  return std::string(file) + ": tensor " + quoted_name(name);
}

void expect_shape(const TensorView& tensor, std::span<const int64_t> shape) {
  if (std::equal(shape.begin(), shape.end(), tensor.shape.begin(), tensor.shape.end())) return;
  throw_corrupt(tensor.label() + ": found shape " + shape_text(tensor.shape) + ", expected " +
                shape_text(shape));
}

void prefetch(const TensorView& tensor) { advise(tensor, MADV_WILLNEED); }
void release_pages(const TensorView& tensor) { advise(tensor, MADV_DONTNEED); }

std::shared_ptr<const SafetensorsFile> SafetensorsFile::open(const std::filesystem::path& path) {
  const std::string name = path.string();
  // O_NONBLOCK: opening a FIFO by mistake must not wait for a writer.
  const Descriptor fd(::open(name.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) throw_errno(name, errno);
  struct stat info = {};
  if (::fstat(fd.get(), &info) != 0) throw_errno(name, errno);
  if (!S_ISREG(info.st_mode)) {
    throw_corrupt(name + ": found " + (S_ISDIR(info.st_mode) ? "a directory" : "a special file") +
                  ", expected a safetensors file");
  }
  if (info.st_size == 0) throw_corrupt(name + ": the file is empty");
  const auto size = static_cast<size_t>(info.st_size);
  void* data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd.get(), 0);
  if (data == MAP_FAILED)
    throw_errno(name + ": cannot map " + std::to_string(size) + " bytes", errno);
  const std::span<const std::byte> bytes(static_cast<const std::byte*>(data), size);
  return std::shared_ptr<const SafetensorsFile>(new SafetensorsFile(name, bytes, true));
}

std::shared_ptr<const SafetensorsFile> SafetensorsFile::from_bytes(std::span<const std::byte> bytes,
                                                                   std::string name) {
  return std::shared_ptr<const SafetensorsFile>(new SafetensorsFile(std::move(name), bytes, false));
}

SafetensorsFile::SafetensorsFile(std::string path, std::span<const std::byte> bytes, bool mapped)
    : path_(std::move(path)), bytes_(bytes), mapped_(mapped) {
  SafetensorsHeader header;
  try {
    header = parse_safetensors_header(bytes_, path_);
  } catch (...) {
    unmap();
    throw;
  }
  metadata_ = std::move(header.metadata);
  tensors_.reserve(header.entries.size());
  for (SafetensorsEntry& entry : header.entries) {
    tensors_.push_back(TensorView{std::move(entry.name), path_, entry.dtype,
                                  std::move(entry.dtype_name), std::move(entry.shape),
                                  bytes_.subspan(entry.begin, entry.end - entry.begin), mapped_});
  }
  try {
    for (TensorView& tensor : tensors_) {
      const auto layout = metadata_.find(std::string(kLayoutKey) + tensor.name);
      if (layout != metadata_.end()) apply_layout(tensor, layout->second);
    }
  } catch (...) {
    unmap();
    throw;
  }
}

void SafetensorsFile::unmap() {
  if (mapped_) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

SafetensorsFile::~SafetensorsFile() { unmap(); }

uint64_t SafetensorsFile::data_begin() const {
  uint64_t length = 0;
  for (size_t i = 8; i-- > 0;) length = length << 8 | std::to_integer<uint64_t>(bytes_[i]);
  return 8 + length;
}

const TensorView* SafetensorsFile::find(std::string_view name) const {
  const auto it = std::lower_bound(
      tensors_.begin(), tensors_.end(), name,
      [](const TensorView& tensor, std::string_view wanted) { return tensor.name < wanted; });
  return it != tensors_.end() && it->name == name ? &*it : nullptr;
}

const TensorView& SafetensorsFile::tensor(std::string_view name) const {
  if (const TensorView* found = find(name)) return *found;
  throw_not_found(path_ + ": no tensor " + quoted_name(name));
}

}  // namespace echo
