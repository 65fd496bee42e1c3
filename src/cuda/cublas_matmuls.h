// Matmuls by cuBLASLt.
#pragma once

#include <cublasLt.h>

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "cuda/algorithm_store.h"
#include "cuda/handles.h"
#include "cuda/memory_pool.h"
#include "cuda/view.h"

namespace echo::cuda {

// out = x w^T + bias (+ out): x (rows, depth), w (outputs, depth) of x's type, contiguous or not.
// float32 is multiplied in float32 without TF32, bfloat16 summed in float32. Factors in e4m3 are
// times their scales, have sizes that are multiples of 16, and no bias.
struct Matmul {
  View x, w;
  const float* bias = nullptr;  // with a float32 result only
  bool accumulate = false;
  View out;                                            // float32, or bfloat16 of narrower factors
  const float *x_scale = nullptr, *w_scale = nullptr;  // on the device, of e4m3 factors
};

// Takes the library's algorithms for a class of shapes, times them once and keeps the fastest, also
// over processes. One thread at a time.
class CublasMatmuls {
 public:
  using Notice = std::function<void(const std::string&)>;

  // measure: otherwise the library's first choice is taken. notice, if any, is told of every shape
  // of large matmuls that the library has no algorithm for, once.
  CublasMatmuls(MemoryPool& pool, const std::string& folder, const std::string& identity,
                bool measure, Notice notice = {});
  ~CublasMatmuls();
  CublasMatmuls(const CublasMatmuls&) = delete;
  CublasMatmuls& operator=(const CublasMatmuls&) = delete;

  // Whether algorithms may be timed now: not while work is recorded.
  void set_may_measure(bool may) { may_measure_ = may; }

  // False, and nothing done, when the library has no algorithm for it.
  bool multiply(const Matmul& m, cudaStream_t stream);

 private:
  class Plan;
  using PlanKey = std::tuple<MatmulShape, int64_t, int64_t, int64_t, int64_t>;

  const Plan& plan_for(const Matmul& m, cudaStream_t stream);
  // Takes a remembered algorithm that fits.
  bool recall(Plan& plan, const MatmulShape& shape) const;
  bool choose(Plan& plan, const MatmulShape& shape, const Matmul& m, cudaStream_t stream);
  // Of the heuristics' results, the one that is the fastest on this matmul; -1 when none runs.
  int fastest(const Plan& plan, const cublasLtMatmulHeuristicResult_t* results, int count,
              const Matmul& m, cudaStream_t stream);
  void tell_refusal(const MatmulShape& shape, const Matmul& m);
  cublasStatus_t run(const Plan& plan, const cublasLtMatmulAlgo_t& algorithm, const Matmul& m,
                     cudaStream_t stream);

  MemoryPool& pool_;
  const bool measure_;
  bool may_measure_ = true;
  AlgorithmStore store_;
  cublasLtHandle_t handle_ = nullptr;
  std::shared_ptr<Buffer> workspace_;
  std::map<PlanKey, std::unique_ptr<Plan>> plans_;
  Notice notice_;
  std::set<MatmulShape> refused_;  // those that were told
};

}  // namespace echo::cuda
