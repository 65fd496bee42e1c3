// Matrices of 8-bit weights on the device, and their matmuls.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <tuple>

#include "cuda/cublas_matmuls.h"
#include "cuda/memory_pool.h"
#include "cuda/quantized_kernels.h"

namespace echo::cuda {

// kInt8: a signed byte and a scale for each output; inputs stay bfloat16. kFloat8: e4m3, a scale
// for all, and inputs are converted to e4m3 too.
class QuantizedWeights : public PackedWeights {
 public:
  QuantizedWeights(const HostWeights& weights, DType type, std::shared_ptr<Buffer> codes,
                   std::shared_ptr<Buffer> scales)
      : PackedWeights(weights, 1, 1, DType::kBFloat16),
        type_(type),
        codes_(std::move(codes)),
        scales_(std::move(scales)) {}

  DType type() const { return type_; }
  void* codes() const { return codes_->data(); }
  float* scales() const { return static_cast<float*>(scales_->data()); }

 private:
  DType type_;
  std::shared_ptr<Buffer> codes_, scales_;
};

// One thread at a time.
class QuantizedMatmuls {
 public:
  // measure: the faster of two ways is found by timing; otherwise by size.
  QuantizedMatmuls(MemoryPool& pool, CublasMatmuls& matmuls, bool measure)
      : pool_(pool), matmuls_(matmuls), measure_(measure) {}

  // While work is recorded, nothing can be timed.
  void set_may_measure(bool may) { may_measure_ = may; }

  // Whether a matrix of this size can be kept in this type.
  static bool can_pack(const HostWeights& weights, DType type);
  // parts: the weights on the device, in all (out, in), float.
  std::shared_ptr<QuantizedWeights> pack(const HostWeights& weights, std::span<const View> parts,
                                         DType type, cudaStream_t stream);
  // out = x w^T + bias (+ out); x bfloat16, out float. Errors: kUnavailable when cuBLASLt has no
  // matmul in e4m3 here.
  void multiply(const View& x, const QuantizedWeights& w, const float* bias, bool accumulate,
                const View& out, cudaStream_t stream);

 private:
  using Size = std::tuple<int64_t, int64_t, int64_t>;

  void multiply_int8(const View& x, const Int8Matrix& w, const float* bias, bool accumulate,
                     const View& out, cudaStream_t stream);
  // Through bfloat16 copies of the weights, which are made anew for each matmul; false when the
  // library has no matmul for it.
  bool multiply_expanded(const View& x, const Int8Matrix& w, const float* bias, bool accumulate,
                         const View& out, cudaStream_t stream);
  bool expansion_pays(const View& x, const Int8Matrix& w, const View& out, cudaStream_t stream);
  void multiply_float8(const View& x, const QuantizedWeights& w, const float* bias, bool accumulate,
                       const View& out, cudaStream_t stream);

  MemoryPool& pool_;
  CublasMatmuls& matmuls_;
  const bool measure_;
  bool may_measure_ = true;
  std::map<Size, bool> expansion_pays_;
};

}  // namespace echo::cuda
