#include "engine/model_identity.h"

#include <algorithm>

#include "engine/content_hash.h"

namespace echo {
namespace {

constexpr size_t kProbeBytes = 4096;

void append(std::string& text, std::span<const std::byte> bytes) {
  text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

}  // namespace

std::string model_identity(const Weights& root) {
  std::string text;
  for (const TensorView& tensor : root.file().tensors()) {
    text += tensor.name + " " + tensor.dtype_name;
    for (const int64_t extent : tensor.shape) text += " " + std::to_string(extent);
    text += "\n";
    const size_t probe = std::min(kProbeBytes, tensor.bytes.size());
    append(text, tensor.bytes.first(probe));
    append(text, tensor.bytes.last(probe));
  }
  return sha256_hex(text);
}

}  // namespace echo
