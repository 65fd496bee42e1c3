#include "checkpoint/tensor_layout.h"

#include <algorithm>

#include "base/error.h"

namespace echo {
namespace {

constexpr std::string_view kWeight = ".weight";

// Refers to root's file as one error that lists all problems.
void throw_problems(const Weights& root, const std::vector<std::string>& problems) {
  if (problems.empty()) return;
  std::string message = root.file().path() + ": " + std::to_string(problems.size()) +
                        (problems.size() == 1 ? " tensor does" : " tensors do") +
                        " not fit the model: ";
  for (size_t i = 0; i < problems.size(); ++i) message += (i ? "; " : "") + problems[i];
  throw_corrupt(message);
}

Weights layer_of(const Weights& root, const std::string& weight_name) {
  return root[std::string_view(weight_name).substr(0, weight_name.size() - kWeight.size())];
}

void check_tensor(const Weights& root, const std::string& name, std::span<const int64_t> shape,
                  std::vector<std::string>& problems, const char* alternative = "") {
  const TensorView* tensor = root.find(name);
  if (!tensor) {
    problems.push_back(quoted_name(root.full_name(name)) + alternative + " is missing, expected " +
                       shape_text(shape));
  } else if (!std::equal(shape.begin(), shape.end(), tensor->shape.begin(), tensor->shape.end())) {
    problems.push_back(quoted_name(tensor->name) + " found " + shape_text(tensor->shape) +
                       ", expected " + shape_text(shape));
  } else if (!tensor->is_float()) {
    problems.push_back(quoted_name(tensor->name) + " found dtype " +
                       quoted_name(tensor->dtype_name) + ", expected F32, BF16 or F16");
  }
}

}  // namespace

void check_layout(const Weights& root, std::span<const TensorSpec> layout) {
  std::vector<std::string> problems;
  for (const TensorSpec& spec : layout) {
    const WeightNorm style = spec.norm == WeightNorm::kNone
                                 ? WeightNorm::kNone
                                 : weight_norm_style(layer_of(root, spec.name));
    if (style == WeightNorm::kNone) {
      const bool normed = spec.norm != WeightNorm::kNone;
      check_tensor(root, spec.name, spec.shape, problems,
                   normed ? " (or its weight-normed form)" : "");
      continue;
    }
    const std::string layer = spec.name.substr(0, spec.name.size() - kWeight.size()) + ".";
    const WeightNormNames names = weight_norm_names(style);
    std::vector<int64_t> lengths(spec.shape.size(), 1);
    lengths[0] = spec.shape[0];
    check_tensor(root, layer + std::string(names.g), lengths, problems);
    check_tensor(root, layer + std::string(names.v), spec.shape, problems);
  }
  throw_problems(root, problems);
}

std::vector<const TensorView*> tensors_of(const Weights& root, std::span<const TensorSpec> layout) {
  std::vector<const TensorView*> tensors;
  for (const TensorSpec& spec : layout) {
    const WeightNorm style = spec.norm == WeightNorm::kNone
                                 ? WeightNorm::kNone
                                 : weight_norm_style(layer_of(root, spec.name));
    if (style == WeightNorm::kNone) {
      tensors.push_back(&root.tensor(spec.name));
    } else {
      const WeightNormNames names = weight_norm_names(style);
      const Weights layer = layer_of(root, spec.name);
      tensors.push_back(&layer.tensor(names.g));
      tensors.push_back(&layer.tensor(names.v));
    }
  }
  return tensors;
}

int64_t SizeReader::size(const std::string& name, size_t axis, size_t rank) {
  const TensorView* tensor = root_.find(name);
  if (!tensor && name.ends_with(kWeight)) {
    const Weights layer = layer_of(root_, name);
    const WeightNorm style = weight_norm_style(layer);
    if (style != WeightNorm::kNone) tensor = layer.find(weight_norm_names(style).v);
  }
  if (!tensor) {
    note(quoted_name(root_.full_name(name)) + " is missing");
  } else if (tensor->shape.size() != rank || tensor->shape[axis] < 1 ||
             tensor->shape[axis] > kMaxSize) {
    note(quoted_name(tensor->name) + " found " + shape_text(tensor->shape) + ", expected " +
         std::to_string(rank) + " axes of 1 to " + std::to_string(kMaxSize));
  } else {
    return tensor->shape[axis];
  }
  return 1;
}

int64_t SizeReader::layers(const std::string& scope) {
  const int64_t count = root_[scope].count();
  if (count == 0) note(quoted_name(root_.full_name(scope) + ".0.*") + " are missing");
  if (count > kMaxLayers) {
    note(quoted_name(root_.full_name(scope)) + " found " + std::to_string(count) +
         " layers, expected at most " + std::to_string(kMaxLayers));
    return 1;
  }
  return count;
}

void SizeReader::finish() const { throw_problems(root_, problems_); }

}  // namespace echo
