#include "nn/weights.h"

#include <algorithm>
#include <charconv>

#include "base/error.h"

namespace echo {

Weights Weights::open(const std::filesystem::path& path) {
  return Weights(SafetensorsFile::open(path));
}

Weights Weights::operator[](std::string_view child) const {
  return Weights(file_, full_name(child) + ".");
}

Weights Weights::operator[](int64_t index) const { return (*this)[std::to_string(index)]; }

const TensorView& Weights::tensor(std::string_view name) const {
  return file_->tensor(full_name(name));
}

const TensorView* Weights::find(std::string_view name) const {
  return file_->find(full_name(name));
}

bool Weights::any() const { return !below().empty(); }

int64_t Weights::count() const {
  int64_t count = 0;
  for (const TensorView& tensor : below()) {
    const std::string_view rest = std::string_view(tensor.name).substr(prefix_.size());
    const std::string_view child = rest.substr(0, rest.find('.'));
    if (child.size() == rest.size()) continue;  // a tensor of its own, not a scope
    if (child.empty() || child.front() == '-') continue;
    int64_t index = 0;
    const auto [end, error] = std::from_chars(child.data(), child.data() + child.size(), index);
    if (end != child.data() + child.size()) continue;
    const auto limit = static_cast<int64_t>(file_->tensors().size());
    if (error != std::errc() || index >= limit) {
      throw_corrupt(tensor.label() + ": found layer " + quoted_name(child) + " in a file of only " +
                    std::to_string(limit) + " tensors");
    }
    count = std::max(count, index + 1);
  }
  return count;
}

std::span<const TensorView> Weights::below() const {
  const std::span<const TensorView> all = file_->tensors();
  const auto less = [](const TensorView& tensor, std::string_view prefix) {
    return std::string_view(tensor.name).substr(0, prefix.size()) < prefix;
  };
  const auto first = std::lower_bound(all.begin(), all.end(), std::string_view(prefix_), less);
  const auto last = std::find_if(first, all.end(), [&](const TensorView& tensor) {
    return !std::string_view(tensor.name).starts_with(prefix_);
  });
  return {first, last};
}

}  // namespace echo
