// libFuzzer target: whatever the bytes are, a safetensors file opens and can be read, or is refused
// with kCorrupt.
#include <cstdlib>
#include <cstring>
#include <vector>

#include "base/error.h"
#include "nn/safetensors.h"
#include "nn/weights.h"

namespace {

void read_everything(const std::shared_ptr<const echo::SafetensorsFile>& file) {
  float sum = 0;
  for (const echo::TensorView& tensor : file->tensors()) {
    if (file->find(tensor.name) != &tensor) std::abort();
    if (tensor.is_float()) {
      for (const float value : tensor.to_float32()) sum += value;
    } else if (tensor.dtype == echo::FileDType::kBool) {
      for (const uint8_t value : tensor.to_bools()) sum += value;
    } else if (tensor.dtype != echo::FileDType::kOther) {
      for (const int64_t value : tensor.to_int64()) sum += static_cast<float>(value);
    } else {
      for (const std::byte value : tensor.bytes) sum += std::to_integer<int>(value);
    }
    const echo::Weights scope = echo::Weights(file)[tensor.name.substr(0, 1)];
    sum += static_cast<float>(scope.any());
    try {
      scope.count();
    } catch (const echo::Error& error) {
      if (error.code() != echo::ErrorCode::kCorrupt) std::abort();
    }
  }
  volatile float keep = sum;
  (void)keep;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::vector<uint64_t> words(size / 8 + 1);  // the alignment that a mapping has
  if (size != 0) std::memcpy(words.data(), data, size);
  const auto bytes = std::as_bytes(std::span(words)).subspan(0, size);
  try {
    read_everything(echo::SafetensorsFile::from_bytes(bytes, "fuzz"));
  } catch (const echo::Error& error) {
    if (error.code() != echo::ErrorCode::kCorrupt) std::abort();
  }
  return 0;
}
