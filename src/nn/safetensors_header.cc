#include "nn/safetensors_header.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/error.h"

namespace echo {
namespace {

struct DTypeRow {
  std::string_view name;
  FileDType dtype;
  int64_t size;
};
// The format's own types; those without an enumerator are measured but not read.
constexpr DTypeRow kDTypes[] = {{"F32", FileDType::kFloat32, 4},  {"BF16", FileDType::kBFloat16, 2},
                                {"F16", FileDType::kFloat16, 2},  {"BOOL", FileDType::kBool, 1},
                                {"I32", FileDType::kInt32, 4},    {"I64", FileDType::kInt64, 8},
                                {"F64", FileDType::kOther, 8},    {"U64", FileDType::kOther, 8},
                                {"U32", FileDType::kOther, 4},    {"I16", FileDType::kOther, 2},
                                {"U16", FileDType::kOther, 2},    {"I8", FileDType::kOther, 1},
                                {"U8", FileDType::kOther, 1},     {"F8_E4M3", FileDType::kOther, 1},
                                {"F8_E5M2", FileDType::kOther, 1}};

const DTypeRow* find_dtype(std::string_view name) {
  for (const DTypeRow& row : kDTypes) {
    if (row.name == name) return &row;
  }
  return nullptr;
}

// One tensor as the JSON gives it, before anything is checked against the file.
struct RawEntry {
  std::string name;
  std::optional<std::string> dtype;
  std::optional<std::vector<uint64_t>> shape;
  std::optional<std::vector<uint64_t>> offsets;
};

// Receives the JSON event by event. A document tree would keep only one of two equal names and
// would grow with whatever nesting the file brings; here anything off the one allowed form stops
// the parser at once.
class HeaderReader : public nlohmann::json_sax<nlohmann::json> {
 public:
  std::vector<RawEntry> entries;
  std::map<std::string, std::string> metadata;
  std::string problem;

  bool null() override { return unexpected("null"); }
  bool boolean(bool) override { return unexpected("a boolean"); }
  bool number_integer(number_integer_t) override { return unexpected("a negative number"); }
  bool number_float(number_float_t, const string_t&) override {
    return unexpected("a number that is not a whole one of 64 bits");
  }
  bool binary(binary_t&) override { return unexpected("binary data"); }

  bool number_unsigned(number_unsigned_t value) override {
    if (state_ != State::kArray) return unexpected("a number");
    const size_t limit = field_ == "shape" ? kMaxSafetensorsRank : 2;
    if (array_.size() == limit) {
      return fail(context() + " has more than " + std::to_string(limit) + " numbers");
    }
    array_.push_back(value);
    return true;
  }

  bool string(string_t& value) override {
    if (state_ == State::kMetadata) {
      metadata[field_] = std::move(value);
      return true;
    }
    if (state_ != State::kTensor || field_ != "dtype") return unexpected("a string");
    entries.back().dtype = std::move(value);
    return true;
  }

  bool start_object(size_t) override {
    if (state_ == State::kStart) {
      state_ = State::kTop;
    } else if (state_ == State::kTop && field_ == "__metadata__") {
      state_ = State::kMetadata;
    } else if (state_ == State::kTop) {
      state_ = State::kTensor;
      entries.push_back(RawEntry{field_, {}, {}, {}});
    } else {
      return unexpected("an object");
    }
    return true;
  }

  bool end_object() override {
    if (state_ == State::kTensor) {
      const RawEntry& entry = entries.back();
      for (const auto& [name, present] : {std::pair("dtype", entry.dtype.has_value()),
                                          std::pair("shape", entry.shape.has_value()),
                                          std::pair("data_offsets", entry.offsets.has_value())}) {
        if (!present) {
          return fail("tensor " + quoted_name(entry.name) + " has no \"" + name + "\"");
        }
      }
    }
    state_ = state_ == State::kTop ? State::kEnd : State::kTop;
    return true;
  }

  bool start_array(size_t) override {
    if (state_ != State::kTensor || field_ == "dtype") return unexpected("an array");
    state_ = State::kArray;
    array_.clear();
    return true;
  }

  bool end_array() override {
    state_ = State::kTensor;
    RawEntry& entry = entries.back();
    if (field_ == "shape") {
      entry.shape = array_;
      return true;
    }
    if (array_.size() != 2) {
      return fail(context() + " has " + std::to_string(array_.size()) + " numbers, expected 2");
    }
    entry.offsets = array_;
    return true;
  }

  bool key(string_t& name) override {
    field_ = std::move(name);
    if (state_ == State::kMetadata) {
      if (metadata.contains(field_))
        return fail("metadata " + quoted_name(field_) + " comes twice");
      return true;
    }
    if (state_ == State::kTop) {
      if (field_ != "__metadata__") return true;  // equal names are found after sorting
      if (metadata_seen_) return fail("\"__metadata__\" comes twice");
      metadata_seen_ = true;
      return true;
    }
    const RawEntry& entry = entries.back();
    const bool known = field_ == "dtype" || field_ == "shape" || field_ == "data_offsets";
    if (!known) {
      return fail("tensor " + quoted_name(entry.name) + " has the unknown field " +
                  quoted_name(field_));
    }
    const bool again = (field_ == "dtype" && entry.dtype) || (field_ == "shape" && entry.shape) ||
                       (field_ == "data_offsets" && entry.offsets);
    return again ? fail(context() + " comes twice") : true;
  }

  bool parse_error(size_t position, const std::string&,
                   const nlohmann::detail::exception& error) override {
    return fail("the header is not valid JSON at byte " + std::to_string(position) + " (error " +
                std::to_string(error.id) + ")");
  }

 private:
  enum class State { kStart, kTop, kTensor, kArray, kMetadata, kEnd };

  bool fail(std::string text) {
    problem = std::move(text);
    return false;
  }
  std::string context() const {
    if (state_ == State::kMetadata) return "metadata " + quoted_name(field_);
    if (state_ == State::kTensor || state_ == State::kArray) {
      return "tensor " + quoted_name(entries.back().name) + ": \"" + field_ + "\"";
    }
    return state_ == State::kTop ? "tensor " + quoted_name(field_) : "the header";
  }
  bool unexpected(const char* what) { return fail(context() + " is or holds " + what); }

  State state_ = State::kStart;
  std::string field_;
  std::vector<uint64_t> array_;
  bool metadata_seen_ = false;
};

// Turns one raw entry into a checked one, or says what is wrong with it.
SafetensorsEntry checked_entry(RawEntry&& raw, uint64_t data_start, uint64_t data_size,
                               const std::string& where) {
  const std::string tensor = where + "tensor " + quoted_name(raw.name);
  SafetensorsEntry entry;
  const DTypeRow* dtype = find_dtype(*raw.dtype);
  entry.dtype = dtype ? dtype->dtype : FileDType::kOther;

  uint64_t bytes = dtype ? static_cast<uint64_t>(dtype->size) : 1;
  bool overflow = false;
  bool empty = false;
  for (const uint64_t dim : *raw.shape) {
    overflow |= dim > static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
    overflow |= __builtin_mul_overflow(bytes, dim == 0 ? 1 : dim, &bytes);
    empty |= dim == 0;
    entry.shape.push_back(static_cast<int64_t>(dim));
  }
  if (overflow || bytes > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
    throw_corrupt(tensor + ": the shape's product is too large for 64 bits");
  }
  if (empty) bytes = 0;

  const uint64_t begin = (*raw.offsets)[0];
  const uint64_t end = (*raw.offsets)[1];
  const std::string range = "bytes " + std::to_string(begin) + " to " + std::to_string(end);
  if (begin > end || end > data_size) {
    throw_corrupt(tensor + ": found " + range + ", expected a range within the " +
                  std::to_string(data_size) + " bytes of data that the file holds");
  }
  if (dtype && end - begin != bytes) {
    throw_corrupt(tensor + ": found " + std::to_string(end - begin) + " bytes, expected " +
                  std::to_string(bytes) + " for " + *raw.dtype + " " + shape_text(entry.shape));
  }
  entry.begin = data_start + begin;
  entry.end = data_start + end;
  if (dtype && begin != end && entry.begin % static_cast<uint64_t>(dtype->size) != 0) {
    throw_corrupt(tensor + ": found file offset " + std::to_string(entry.begin) +
                  ", expected a multiple of the " + std::to_string(dtype->size) + " bytes of " +
                  *raw.dtype);
  }
  entry.name = std::move(raw.name);
  entry.dtype_name = std::move(*raw.dtype);
  return entry;
}

// The format wants the data indexed completely: no overlap, no hole, nothing after the last.
void check_coverage(const std::vector<SafetensorsEntry>& entries, uint64_t data_start,
                    uint64_t file_size, const std::string& where) {
  std::vector<const SafetensorsEntry*> order;
  for (const SafetensorsEntry& entry : entries) order.push_back(&entry);
  std::sort(order.begin(), order.end(), [](const auto* a, const auto* b) {
    return a->begin != b->begin ? a->begin < b->begin : a->end < b->end;
  });
  uint64_t covered = data_start;
  std::string_view previous = "";
  for (const SafetensorsEntry* entry : order) {
    if (entry->begin < covered && entry->begin != entry->end) {
      throw_corrupt(where + "tensors " + quoted_name(previous) + " and " +
                    quoted_name(entry->name) + " overlap");
    }
    if (entry->begin > covered) {
      throw_corrupt(where + "found a hole of " + std::to_string(entry->begin - covered) +
                    " bytes before tensor " + quoted_name(entry->name) + ", expected none");
    }
    if (entry->begin == entry->end) continue;
    covered = entry->end;
    previous = entry->name;
  }
  if (covered != file_size) {
    throw_corrupt(where + "found " + std::to_string(file_size - covered) +
                  " bytes after the last tensor, expected none");
  }
}

}  // namespace

std::string_view file_dtype_name(FileDType dtype) {
  for (const DTypeRow& row : kDTypes) {
    if (row.dtype == dtype && dtype != FileDType::kOther) return row.name;
  }
  return "?";
}

int64_t file_dtype_size(FileDType dtype) {
  for (const DTypeRow& row : kDTypes) {
    if (row.dtype == dtype && dtype != FileDType::kOther) return row.size;
  }
  return 0;
}

std::string shape_text(std::span<const int64_t> shape) {
  std::string text = "[";
  for (const int64_t dim : shape) {
    if (text.size() > 1) text += ", ";
    text += std::to_string(dim);
  }
  return text + "]";
}

std::string quoted_name(std::string_view name) {
  constexpr size_t kMaxShown = 120;
  std::string text = "\"";
  for (const char c : name.substr(0, kMaxShown)) {
    text += (c < 0x20 || c > 0x7e || c == '"') ? '?' : c;
  }
  return text + (name.size() > kMaxShown ? "...\"" : "\"");
}

SafetensorsHeader parse_safetensors_header(std::span<const std::byte> file,
                                           const std::string& path) {
  const std::string where = path + ": ";
  if (file.size() < 8) {
    throw_corrupt(where + "found " + std::to_string(file.size()) +
                  " bytes, expected a safetensors file (at least 8)");
  }
  std::array<unsigned char, 8> prefix;
  std::memcpy(prefix.data(), file.data(), prefix.size());
  uint64_t length = 0;
  for (size_t i = prefix.size(); i-- > 0;) length = length << 8 | prefix[i];
  if (length > kMaxSafetensorsHeader) {
    throw_corrupt(where + "found a header of " + std::to_string(length) +
                  " bytes, expected at most " + std::to_string(kMaxSafetensorsHeader) +
                  "; this is probably not a safetensors file");
  }
  if (length > file.size() - 8) {
    throw_corrupt(where + "found " + std::to_string(file.size()) + " bytes, expected at least " +
                  std::to_string(length + 8) + ": the file is cut within its header");
  }
  const std::string_view json(reinterpret_cast<const char*>(file.data()) + 8, length);
  if (!json.starts_with('{')) {
    throw_corrupt(where + "the header does not begin with '{'; this is not a safetensors file");
  }
  if (json.find('\0') != json.npos) {  // the JSON parser would take it for the end
    throw_corrupt(where + "the header is not valid JSON: it holds a zero byte");
  }

  HeaderReader reader;
  if (!nlohmann::json::sax_parse(json, &reader)) throw_corrupt(where + reader.problem);

  const uint64_t data_start = 8 + length;
  SafetensorsHeader header;
  header.metadata = std::move(reader.metadata);
  header.entries.reserve(reader.entries.size());
  std::sort(reader.entries.begin(), reader.entries.end(),
            [](const RawEntry& a, const RawEntry& b) { return a.name < b.name; });
  for (RawEntry& raw : reader.entries) {
    if (!header.entries.empty() && header.entries.back().name == raw.name) {
      throw_corrupt(where + "tensor " + quoted_name(raw.name) + " comes twice");
    }
    header.entries.push_back(
        checked_entry(std::move(raw), data_start, file.size() - data_start, where));
  }
  check_coverage(header.entries, data_start, file.size(), where);
  return header;
}

}  // namespace echo
