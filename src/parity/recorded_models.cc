#include "parity/recorded_models.h"

#include "checkpoint/echo_dit_layout.h"

namespace echo::parity {
namespace {

DType dtype_of(RunPrecision precision) {
  return precision == RunPrecision::kBFloat16 ? DType::kBFloat16 : DType::kFloat32;
}

}  // namespace

RecordedModels::RecordedModels(const GoldenSet& set, const DeviceOptions& device)
    : set_(set), device_(device), backend_(make_device(device)) {}

bool RecordedModels::fast_bfloat16() const {
  return backend_->compute_dtype(DType::kBFloat16) == DType::kBFloat16;
}

std::shared_ptr<const SafetensorsFile> RecordedModels::dit_file() {
  if (set_.kind() != GoldenKind::kRealSlice) return set_.file("dit");
  if (!generated_) generated_ = std::make_unique<GeneratedCheckpoint>(set_, device_.threads);
  return generated_->file();
}

const EchoDit& RecordedModels::dit(RunPrecision precision) {
  const auto found = dits_.find(precision);
  if (found != dits_.end()) return found->second;
  const Weights weights(dit_file());
  const bool blockwise = infer_echo_dit_config(weights).blockwise;
  const LayerContext context{*backend_, dtype_of(precision)};
  return dits_.try_emplace(precision, context, weights, blockwise).first->second;
}

const Codec& RecordedModels::codec(RunPrecision precision) {
  const auto found = codecs_.find(precision);
  if (found != codecs_.end()) return found->second;
  const LayerContext context{*backend_, dtype_of(precision)};
  return codecs_
      .try_emplace(precision, context, Weights(set_.file("dac")),
                   read_pca_state(Weights(set_.file("pca_state"))))
      .first->second;
}

}  // namespace echo::parity
