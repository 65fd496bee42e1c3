#include "nn/safetensors_writer.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>
#include <system_error>

#include "base/error.h"

namespace echo {
namespace {

namespace fs = std::filesystem;

uint64_t tensor_bytes(const PlannedTensor& tensor) {
  const int64_t element = file_dtype_size(tensor.dtype);
  int64_t bytes = element;
  bool good = element > 0 && tensor.shape.size() <= kMaxSafetensorsRank;
  for (const int64_t dim : tensor.shape) {
    good = good && dim >= 0 && !__builtin_mul_overflow(bytes, dim, &bytes);
  }
  if (!good) {
    throw_invalid("tensor " + quoted_name(tensor.name) + " cannot be written: dtype " +
                  std::string(file_dtype_name(tensor.dtype)) + ", shape " +
                  shape_text(tensor.shape));
  }
  return static_cast<uint64_t>(bytes);
}

}  // namespace

SafetensorsWriter::SafetensorsWriter(fs::path path, std::vector<PlannedTensor> tensors,
                                     const std::map<std::string, std::string>& metadata)
    : path_(std::move(path)), tensors_(std::move(tensors)), ranges_(tensors_.size()) {
  // Wide elements first: then every tensor is aligned to its elements without a gap.
  std::vector<size_t> order(tensors_.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return file_dtype_size(tensors_[a].dtype) > file_dtype_size(tensors_[b].dtype);
  });
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::set<std::string_view> names = {"__metadata__"};
  uint64_t end = 0;
  for (const size_t i : order) {
    const PlannedTensor& tensor = tensors_[i];
    if (!names.insert(tensor.name).second) {
      throw_invalid("tensor " + quoted_name(tensor.name) + " cannot be written twice");
    }
    ranges_[i] = Range{end, tensor_bytes(tensor)};
    if (ranges_[i].size > std::numeric_limits<int64_t>::max() - end) {
      throw_invalid("tensor " + quoted_name(tensor.name) + " makes the file too large");
    }
    end += ranges_[i].size;
    header[tensor.name] = {{"dtype", file_dtype_name(tensor.dtype)},
                           {"shape", tensor.shape},
                           {"data_offsets", {ranges_[i].begin, end}}};
  }
  std::string text = header.dump();
  constexpr size_t kPrefix = 8, kAlignment = 64;
  text.resize((kPrefix + text.size() + kAlignment - 1) / kAlignment * kAlignment - kPrefix, ' ');
  std::string prefix;
  for (int i = 0; i < 8; ++i) prefix += static_cast<char>(text.size() >> (8 * i) & 0xff);
  text.insert(0, prefix);
  for (Range& range : ranges_) range.begin += text.size();
  bytes_ = text.size() + end;

  header_ = text;

  if (const int error = file_.create(path_, 0666)) throw_errno("cannot create the file", error);
  put(0, std::as_bytes(std::span(text)));
  if (::ftruncate(file_.descriptor(), static_cast<off_t>(bytes_)) != 0) {
    throw_errno("cannot write", errno);
  }
}

void SafetensorsWriter::write(size_t tensor, uint64_t offset, std::span<const std::byte> bytes) {
  const Range& range = ranges_.at(tensor);
  if (file_.descriptor() < 0 || offset > range.size || bytes.size() > range.size - offset) {
    throw_internal(path_.string() + ": " + std::to_string(bytes.size()) + " bytes at " +
                   std::to_string(offset) + " do not fit into tensor " +
                   quoted_name(tensors_[tensor].name));
  }
  put(range.begin + offset, bytes);
}

void SafetensorsWriter::put(uint64_t offset, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written =
        ::pwrite(file_.descriptor(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) throw_errno("cannot write", written < 0 ? errno : EIO);
    offset += static_cast<uint64_t>(written);
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
}

void SafetensorsWriter::replace_metadata(std::string_view key, std::string_view from,
                                         std::string_view to) {
  const std::string entry = "\"" + std::string(key) + "\":\"";
  const size_t found = header_.find(entry + std::string(from) + "\"");
  if (file_.descriptor() < 0 || from.size() != to.size() || found == std::string::npos) {
    throw_internal(path_.string() + ": metadata " + quoted_name(key) + " cannot be replaced");
  }
  header_.replace(found + entry.size(), to.size(), to);
  put(found + entry.size(), std::as_bytes(std::span(to)));
}

void SafetensorsWriter::commit(bool durable) {
  const int error = file_.commit(durable ? Durability::kDurable : Durability::kNone);
  if (error != 0) throw_errno("cannot finish the file", error);
}

void SafetensorsWriter::throw_errno(const char* what, int error) const {
  throw_unavailable(path_.string() + ": " + what + " (" + std::to_string(bytes_) +
                    " bytes): " + std::generic_category().message(error));
}

}  // namespace echo
