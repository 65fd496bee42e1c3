#include "engine/model_identity.h"

#include <algorithm>

#include "checkpoint/model_files.h"
#include "engine/content_hash.h"

namespace echo {
namespace {

constexpr size_t kProbeBytes = 4096;

void append(std::string& text, std::span<const std::byte> bytes) {
  text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

}  // namespace

std::string model_identity(const Weights& root) {
  // A packed file knows what was packed.
  const std::string scope = root.full_name("");
  const auto& metadata = root.file().metadata();
  if (!scope.empty()) {
    const auto known = metadata.find(std::string(kIdentityKey) + scope.substr(0, scope.size() - 1));
    if (known != metadata.end()) return known->second;
  }
  std::string text;
  for (const TensorView& tensor : root.tensors()) {
    text += tensor.name.substr(scope.size()) + " " + tensor.dtype_name;
    for (const int64_t extent : tensor.shape) text += " " + std::to_string(extent);
    text += "\n";
    const size_t probe = std::min(kProbeBytes, tensor.bytes.size());
    append(text, tensor.bytes.first(probe));
    append(text, tensor.bytes.last(probe));
  }
  return sha256_hex(text);
}

}  // namespace echo
