#include "base/json.h"

#include <algorithm>
#include <cctype>
#include <optional>

#include "base/error.h"

namespace echo {
namespace {

struct Shape {
  size_t depth = 0;  // of arrays and objects; copying and printing recurses that far
  size_t values = 1;
};

Shape shape_of(std::string_view text) {
  Shape shape;
  size_t depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        in_string = false;
      }
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      shape.depth = std::max(shape.depth, ++depth);
      const size_t next = text.find_first_not_of(" \t\r\n", i + 1);
      const bool empty = next == text.npos || text[next] == ']' || text[next] == '}';
      if (!empty) ++shape.values;
    } else if (c == ',') {
      ++shape.values;
    } else if ((c == ']' || c == '}') && depth > 0) {
      --depth;
    }
  }
  return shape;
}

// What the allocator and the tree of an object keep beside a value.
constexpr size_t kAllocation = 16;
constexpr size_t kTreeNode = 32;

size_t held_bytes_of(const std::string& text) {
  const size_t capacity = text.capacity();
  return sizeof text + (capacity > 15 ? capacity + 1 + kAllocation : 0);
}

// The code unit of "\uXXXX" at `i`, if there is one.
std::optional<unsigned> escaped_unit(std::string_view text, size_t i) {
  if (i + 6 > text.size() || text[i] != '\\' || text[i + 1] != 'u') return std::nullopt;
  unsigned value = 0;
  for (size_t k = 2; k < 6; ++k) {
    const char c = text[i + k];
    if (!std::isxdigit(static_cast<unsigned char>(c))) return std::nullopt;
    value = value * 16 + static_cast<unsigned>(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
  }
  return value;
}

// "\ud83d" without its partner becomes "\ufffd". Such escapes come from clients that cut a text in
// the middle of an emoji.
std::string without_lone_surrogates(std::string_view text) {
  std::string out(text);
  for (size_t i = 0; i + 1 < out.size(); ++i) {
    if (out[i] != '\\') continue;
    const auto unit = escaped_unit(out, i);
    if (!unit) {
      ++i;  // another escape: skip the character it covers
      continue;
    }
    if (*unit >= 0xD800 && *unit <= 0xDFFF) {
      const auto next = escaped_unit(out, i + 6);
      if (*unit < 0xDC00 && next && *next >= 0xDC00 && *next <= 0xDFFF) {
        i += 11;
        continue;
      }
      out.replace(i, 6, "\\ufffd");
    }
    i += 5;
  }
  return out;
}

Json parse_once(std::string_view text) {
  return Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
}

}  // namespace

Json parse_json(std::string_view text, size_t most_values) {
  const Shape shape = shape_of(text);
  if (shape.depth > kMaxJsonDepth) {
    throw_corrupt("a JSON document nested " + std::to_string(shape.depth) +
                  " levels deep, at most " + std::to_string(kMaxJsonDepth) + " are read");
  }
  if (most_values > 0 && shape.values > most_values) {
    throw_corrupt("a JSON document of " + std::to_string(shape.values) + " values, at most " +
                  std::to_string(most_values) + " are read");
  }
  Json document = parse_once(text);
  if (document.is_discarded()) document = parse_once(without_lone_surrogates(text));
  if (document.is_discarded()) {
    throw_corrupt("not a JSON document (" + std::to_string(text.size()) + " bytes)");
  }
  return document;
}

std::string dump_json(const Json& value) {
  return value.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

size_t held_bytes(const Json& value) {
  size_t bytes = sizeof value;
  if (value.is_string()) {
    bytes += kAllocation + held_bytes_of(value.get_ref<const std::string&>());
  } else if (value.is_array()) {
    const auto& array = value.get_ref<const Json::array_t&>();
    bytes += 2 * kAllocation + sizeof array + (array.capacity() - array.size()) * sizeof value;
    for (const Json& one : array) bytes += held_bytes(one);
  } else if (value.is_object()) {
    bytes += kAllocation + sizeof(Json::object_t);
    for (const auto& [name, one] : value.get_ref<const Json::object_t&>()) {
      bytes += kTreeNode + kAllocation + held_bytes_of(name) + held_bytes(one);
    }
  }
  return bytes;
}

bool truthy(const Json& value) {
  switch (value.type()) {
    case Json::value_t::null:
    case Json::value_t::discarded:
      return false;
    case Json::value_t::boolean:
      return value.get<bool>();
    case Json::value_t::string:
      return !value.get_ref<const std::string&>().empty();
    case Json::value_t::number_integer:
    case Json::value_t::number_unsigned:
    case Json::value_t::number_float:
      return value.get<double>() != 0;
    default:
      return !value.empty();
  }
}

}  // namespace echo
