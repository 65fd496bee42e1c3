#include "tensor/blocked_layout.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/error.h"

namespace echo {
namespace {

constexpr int64_t kMaxElements = int64_t{1} << 40;
constexpr size_t kMaxBlocks = 8;
constexpr DType kTypes[] = {DType::kFloat32, DType::kBFloat16, DType::kInt8};

// Reads a text from its front; anything unexpected is an error about the whole.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text), rest_(text) {}

  bool take(std::string_view word) {
    if (!rest_.starts_with(word)) return false;
    rest_.remove_prefix(word.size());
    return true;
  }
  void expect(std::string_view word) {
    if (!take(word)) fail();
  }
  int64_t number() {
    int64_t value = 0;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
    if (error != std::errc() || value < 1 || value > kMaxElements) fail();
    rest_.remove_prefix(static_cast<size_t>(end - rest_.data()));
    return value;
  }
  bool done() const { return rest_.empty(); }
  [[noreturn]] void fail() const {
    throw_corrupt("layout of a packed matrix: found \"" + std::string(text_.substr(0, 120)) +
                  "\", expected type, sizes, strides and blocks");
  }

 private:
  std::string_view text_, rest_;
};

int64_t blocked_size(const BlockedLayout& layout, BlockedLayout::Axis axis) {
  int64_t size = 1;
  for (const BlockedLayout::Block& block : layout.blocks) {
    if (block.axis == axis) size *= block.size;
  }
  return size;
}

std::vector<int64_t> offsets(const BlockedLayout& layout, BlockedLayout::Axis axis, int64_t count,
                             int64_t stride) {
  const int64_t size = blocked_size(layout, axis);
  std::vector<int64_t> result(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) {
    int64_t inner = i % size, offset = i / size * stride, block_stride = 1;
    for (size_t b = layout.blocks.size(); b-- > 0;) {
      const BlockedLayout::Block& block = layout.blocks[b];
      if (block.axis == axis) {
        offset += inner % block.size * block_stride;
        inner /= block.size;
      }
      block_stride *= block.size;
    }
    result[static_cast<size_t>(i)] = offset;
  }
  return result;
}

template <class T>
void gather(const BlockedLayout& layout, const std::byte* blocked, std::byte* rows) {
  const std::vector<int64_t> out = layout.out_offsets(), in = layout.in_offsets();
  const T* from = reinterpret_cast<const T*>(blocked);
  T* to = reinterpret_cast<T*>(rows);
  for (const int64_t row : out) {
    for (const int64_t column : in) *to++ = from[row + column];
  }
}

}  // namespace

int64_t BlockedLayout::elements() const {
  const int64_t out_block = blocked_size(*this, Axis::kOut),
                in_block = blocked_size(*this, Axis::kIn);
  const int64_t last_out = (out + out_block - 1) / out_block - 1;
  const int64_t last_in = (in + in_block - 1) / in_block - 1;
  return last_out * out_stride + last_in * in_stride + out_block * in_block;
}

int64_t BlockedLayout::bytes() const {
  const int64_t size = elements() * static_cast<int64_t>(dtype_size(dtype));
  return dtype == DType::kInt8 ? size + out * static_cast<int64_t>(sizeof(float) + sizeof(int32_t))
                               : size;
}

std::string BlockedLayout::text() const {
  std::string text = std::string(dtype_name(dtype)) + " " + std::to_string(out) + "x" +
                     std::to_string(in) + " strides " + std::to_string(out_stride) + "," +
                     std::to_string(in_stride) + " blocks ";
  for (size_t i = 0; i < blocks.size(); ++i) {
    text += (i ? "," : "") + std::string(blocks[i].axis == Axis::kOut ? "o" : "i") +
            std::to_string(blocks[i].size);
  }
  return text;
}

BlockedLayout BlockedLayout::parse(std::string_view text) {
  Reader reader(text);
  BlockedLayout layout;
  const auto type = std::find_if(std::begin(kTypes), std::end(kTypes),
                                 [&](DType known) { return reader.take(dtype_name(known)); });
  if (type == std::end(kTypes)) reader.fail();
  layout.dtype = *type;
  reader.expect(" ");
  layout.out = reader.number();
  reader.expect("x");
  layout.in = reader.number();
  reader.expect(" strides ");
  layout.out_stride = reader.number();
  reader.expect(",");
  layout.in_stride = reader.number();
  reader.expect(" blocks ");
  int64_t size = 1;
  while (!reader.done()) {
    if (!layout.blocks.empty()) reader.expect(",");
    Block block;
    if (reader.take("i")) {
      block.axis = Axis::kIn;
    } else {
      reader.expect("o");
    }
    block.size = reader.number();
    if (__builtin_mul_overflow(size, block.size, &size) || size > kMaxElements) reader.fail();
    layout.blocks.push_back(block);
    if (layout.blocks.size() > kMaxBlocks) reader.fail();
  }
  int64_t most = 0, product = 0;
  if (__builtin_mul_overflow(layout.out, layout.out_stride, &most) ||
      __builtin_mul_overflow(layout.in, layout.in_stride, &product) ||
      __builtin_add_overflow(most, product, &most) || layout.elements() > kMaxElements) {
    reader.fail();
  }
  return layout;
}

std::vector<int64_t> BlockedLayout::out_offsets() const {
  return offsets(*this, Axis::kOut, out, out_stride);
}

std::vector<int64_t> BlockedLayout::in_offsets() const {
  return offsets(*this, Axis::kIn, in, in_stride);
}

void unblock(const BlockedLayout& layout, std::span<const std::byte> blocked,
             std::span<std::byte> rows) {
  const size_t element = dtype_size(layout.dtype);
  if (blocked.size() != static_cast<size_t>(layout.elements()) * element ||
      rows.size() != static_cast<size_t>(layout.out * layout.in) * element) {
    throw_internal("unblock: " + std::to_string(blocked.size()) + " and " +
                   std::to_string(rows.size()) + " bytes for " + layout.text());
  }
  if (element == sizeof(uint8_t)) {
    gather<uint8_t>(layout, blocked.data(), rows.data());
  } else if (element == sizeof(uint16_t)) {
    gather<uint16_t>(layout, blocked.data(), rows.data());
  } else {
    gather<uint32_t>(layout, blocked.data(), rows.data());
  }
}

}  // namespace echo
