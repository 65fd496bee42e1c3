// Which tensors a model needs, and whether a checkpoint has them.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "nn/weight_norm.h"
#include "nn/weights.h"

namespace echo {

// One tensor that a model reads.
struct TensorSpec {
  std::string name;  // full name; of a weight-normed layer the name of the folded weight
  std::vector<int64_t> shape;
  // How the published file stores it. Any other style is accepted as well, when it is not kNone.
  WeightNorm norm = WeightNorm::kNone;
};

// Throws one kCorrupt error that lists every tensor of `layout` that the checkpoint lacks or has in
// another shape or as something else than floats, each with its full name, the found and the
// expected shape. Tensors that the layout does not name are ignored.
void check_layout(const Weights& root, std::span<const TensorSpec> layout);

// The tensors of a checkpoint that a model of this layout reads, in the layout's order; of a
// weight-normed layer both halves. The layout must have been checked.
std::vector<const TensorView*> tensors_of(const Weights& root, std::span<const TensorSpec> layout);

// Reads sizes off shapes, and gathers what is wrong instead of stopping at the first.
class SizeReader {
 public:
  // Far above any real model, and low enough for products of a few sizes.
  static constexpr int64_t kMaxSize = 1 << 24;
  static constexpr int64_t kMaxLayers = 1024;

  explicit SizeReader(const Weights& root) : root_(root) {}

  // The length of one axis of a tensor of that many axes; for a weight-normed layer, `name` is that
  // of the folded weight. From 1 to kMaxSize: when the tensor is missing or does not fit, that is
  // noted and the result is 1.
  int64_t size(const std::string& name, size_t axis, size_t rank);
  // The number of layers below a scope, e.g. "text_encoder.blocks", at most kMaxLayers; none, or
  // more, is noted as well.
  int64_t layers(const std::string& scope);
  void note(std::string problem) { problems_.push_back(std::move(problem)); }
  // Throws kCorrupt with everything noted, if anything is.
  void finish() const;

 private:
  const Weights& root_;
  std::vector<std::string> problems_;
};

}  // namespace echo
