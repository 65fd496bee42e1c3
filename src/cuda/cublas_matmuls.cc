#include "cuda/cublas_matmuls.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <optional>

namespace echo::cuda {
namespace {

constexpr size_t kWorkspaceBytes = size_t{32} << 20;
constexpr int kMaxCandidates = 12;
constexpr size_t kMaxPlans = 4096;  // lengths of texts and voices vary
constexpr int kTimedRuns = 4;
constexpr double kLargeOperations = 2e7;  // below, starting the kernel is all that counts

void check_cublas(cublasStatus_t status, const char* what) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  fail("CUDA: cuBLASLt: " + std::string(what) + ": " + cublasLtGetStatusString(status));
}

cudaDataType_t type_of(DType dtype) {
  return dtype == DType::kFloat8     ? CUDA_R_8F_E4M3
         : dtype == DType::kBFloat16 ? CUDA_R_16BF
                                     : CUDA_R_32F;
}

using Description = Owned<cublasLtMatmulDesc_t, cublasLtMatmulDescDestroy>;
using Layout = Owned<cublasLtMatrixLayout_t, cublasLtMatrixLayoutDestroy>;
using Preference = Owned<cublasLtMatmulPreference_t, cublasLtMatmulPreferenceDestroy>;

// The library counts by columns: a matrix here is its transpose there.
Layout layout_of(const View& x) {
  cublasLtMatrixLayout_t layout = nullptr;
  check_cublas(cublasLtMatrixLayoutCreate(&layout, type_of(x.dtype), static_cast<uint64_t>(x.cols),
                                          static_cast<uint64_t>(x.rows), x.stride),
               "describing a matrix");
  return Layout(layout);
}

template <class T>
void set(cublasLtMatmulDesc_t description, cublasLtMatmulDescAttributes_t name, const T& value) {
  check_cublas(cublasLtMatmulDescSetAttribute(description, name, &value, sizeof value),
               "describing a matmul");
}
template <class T>
void set(cublasLtMatmulPreference_t preference, cublasLtMatmulPreferenceAttributes_t name,
         const T& value) {
  check_cublas(cublasLtMatmulPreferenceSetAttribute(preference, name, &value, sizeof value),
               "stating a preference");
}

int alignment_of(const View& x) {
  const auto bits = reinterpret_cast<uintptr_t>(x.data) |
                    static_cast<uintptr_t>(x.stride) * dtype_size(x.dtype) | uintptr_t{16};
  return static_cast<int>(bits & (~bits + 1));
}

MatmulShape shape_of(const Matmul& m) {
  MatmulShape shape;
  shape.rows = row_class(m.out.rows);
  shape.outputs = m.out.cols;
  shape.depth = m.x.cols;
  shape.in = m.x.dtype;
  shape.out = m.out.dtype;
  shape.bias = m.bias != nullptr;
  shape.accumulate = m.accumulate;
  shape.alignment = std::min({alignment_of(m.x), alignment_of(m.w), alignment_of(m.out)});
  return shape;
}

bool is_large(const Matmul& m) {
  return 2.0 * static_cast<double>(m.out.rows) * static_cast<double>(m.out.cols) *
             static_cast<double>(m.x.cols) >
         kLargeOperations;
}

AlgorithmBits bits_of(const cublasLtMatmulAlgo_t& algorithm) {
  static_assert(sizeof(AlgorithmBits) == sizeof(cublasLtMatmulAlgo_t));
  AlgorithmBits bits;
  std::memcpy(bits.data(), &algorithm, sizeof bits);
  return bits;
}
cublasLtMatmulAlgo_t algorithm_of(const AlgorithmBits& bits) {
  cublasLtMatmulAlgo_t algorithm;
  std::memcpy(&algorithm, bits.data(), sizeof algorithm);
  return algorithm;
}

}  // namespace

// One matmul's description, and the algorithm once it is chosen.
class CublasMatmuls::Plan {
 public:
  explicit Plan(const Matmul& m) : w(layout_of(m.w)), x(layout_of(m.x)), out(layout_of(m.out)) {
    cublasLtMatmulDesc_t made = nullptr;
    check_cublas(cublasLtMatmulDescCreate(&made, CUBLAS_COMPUTE_32F, CUDA_R_32F),
                 "describing a matmul");
    description = Description(made);
    set(made, CUBLASLT_MATMUL_DESC_TRANSA, int32_t{CUBLAS_OP_T});
    set(made, CUBLASLT_MATMUL_DESC_TRANSB, int32_t{CUBLAS_OP_N});
    if (m.bias) {
      set(made, CUBLASLT_MATMUL_DESC_EPILOGUE, uint32_t{CUBLASLT_EPILOGUE_BIAS});
      set(made, CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, int32_t{CUDA_R_32F});
      set(made, CUBLASLT_MATMUL_DESC_BIAS_POINTER, m.bias);
    }
    if (m.w_scale) {
      // Fewer bits in the sums than float32 has, many more than e4m3 has.
      set(made, CUBLASLT_MATMUL_DESC_FAST_ACCUM, int8_t{1});
      set_scales(m);
    }
  }

  void set_scales(const Matmul& m) const {
    set(description.get(), CUBLASLT_MATMUL_DESC_A_SCALE_POINTER, m.w_scale);
    set(description.get(), CUBLASLT_MATMUL_DESC_B_SCALE_POINTER, m.x_scale);
  }

  // Whether the algorithm computes exactly this matmul within the workspace.
  bool accepts(cublasLtHandle_t handle, const cublasLtMatmulAlgo_t& candidate) const {
    cublasLtMatmulHeuristicResult_t result{};
    return cublasLtMatmulAlgoCheck(handle, description.get(), w.get(), x.get(), out.get(),
                                   out.get(), &candidate, &result) == CUBLAS_STATUS_SUCCESS &&
           result.state == CUBLAS_STATUS_SUCCESS && result.workspaceSize <= kWorkspaceBytes;
  }

  Description description;
  Layout w, x, out;
  std::optional<cublasLtMatmulAlgo_t> algorithm;
};

CublasMatmuls::CublasMatmuls(MemoryPool& pool, const std::string& folder,
                             const std::string& identity, bool measure, Notice notice)
    : pool_(pool),
      measure_(measure),
      store_(folder, identity + " cublaslt " + std::to_string(cublasLtGetVersion())),
      notice_(std::move(notice)) {
  check_cublas(cublasLtCreate(&handle_), "starting");
  workspace_ = pool_.allocate(kWorkspaceBytes);
}

CublasMatmuls::~CublasMatmuls() {
  plans_.clear();
  (void)cublasLtDestroy(handle_);
}

bool CublasMatmuls::multiply(const Matmul& m, cudaStream_t stream) {
  const Plan& plan = plan_for(m, stream);
  if (!plan.algorithm) return false;
  check_cublas(run(plan, *plan.algorithm, m, stream), "multiplying");
  return true;
}

const CublasMatmuls::Plan& CublasMatmuls::plan_for(const Matmul& m, cudaStream_t stream) {
  const MatmulShape shape = shape_of(m);
  const PlanKey key{shape, m.out.rows, m.x.stride, m.w.stride, m.out.stride};
  const auto found = plans_.find(key);
  if (found != plans_.end()) return *found->second;
  auto plan = std::make_unique<Plan>(m);
  if (!recall(*plan, shape)) {
    if (!choose(*plan, shape, m, stream)) {
      tell_refusal(shape, m);
    } else if (may_measure_) {
      store_.put(shape, bits_of(*plan->algorithm));
    }
  }
  if (plans_.size() >= kMaxPlans) plans_.clear();
  return *(plans_[key] = std::move(plan));
}

bool CublasMatmuls::recall(Plan& plan, const MatmulShape& shape) const {
  for (const AlgorithmBits& known : store_.find(shape)) {
    if (!plan.accepts(handle_, algorithm_of(known))) continue;
    plan.algorithm = algorithm_of(known);
    return true;
  }
  return false;
}

void CublasMatmuls::tell_refusal(const MatmulShape& shape, const Matmul& m) {
  if (!notice_ || !is_large(m) || !refused_.insert(shape).second) return;
  notice_("CUDA: cuBLASLt refuses a matmul, a slower way is taken: up to " +
          std::to_string(shape.rows) + " rows of " + std::to_string(shape.depth) + " inputs to " +
          std::to_string(shape.outputs) + " outputs, " + std::string(dtype_name(shape.in)) +
          " to " + std::string(dtype_name(shape.out)) + (shape.bias ? ", with bias" : "") +
          (shape.accumulate ? ", added" : "") + ", aligned to " + std::to_string(shape.alignment) +
          " bytes");
}

bool CublasMatmuls::choose(Plan& plan, const MatmulShape& shape, const Matmul& m,
                           cudaStream_t stream) {
  cublasLtMatmulPreference_t made = nullptr;
  check_cublas(cublasLtMatmulPreferenceCreate(&made), "stating a preference");
  const Preference preference(made);
  set(made, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, uint64_t{kWorkspaceBytes});
  // Sums of parts in the result's own type would be rounded to bfloat16 on the way.
  set(made, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
      uint32_t{CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE});
  for (const auto name :
       {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
        CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES}) {
    set(made, name, static_cast<uint32_t>(shape.alignment));
  }
  cublasLtMatmulHeuristicResult_t results[kMaxCandidates] = {};
  int count = 0;
  const cublasStatus_t status = cublasLtMatmulAlgoGetHeuristic(
      handle_, plan.description.get(), plan.w.get(), plan.x.get(), plan.out.get(), plan.out.get(),
      made, kMaxCandidates, results, &count);
  if (status == CUBLAS_STATUS_NOT_SUPPORTED || status == CUBLAS_STATUS_INVALID_VALUE) return false;
  check_cublas(status, "choosing an algorithm");
  int chosen = count > 0 ? 0 : -1;
  if (measure_ && may_measure_ && count > 1 && is_large(m)) {
    chosen = fastest(plan, results, count, m, stream);
  }
  if (chosen < 0) return false;
  plan.algorithm = results[chosen].algo;
  return true;
}

int CublasMatmuls::fastest(const Plan& plan, const cublasLtMatmulHeuristicResult_t* results,
                           int count, const Matmul& m, cudaStream_t stream) {
  // Into memory of its own, as far apart as the result's rows.
  Matmul trial = m;
  const auto bytes = static_cast<size_t>(m.out.rows * m.out.stride) * dtype_size(m.out.dtype);
  const auto scratch = pool_.allocate(bytes);
  trial.out.data = scratch->data();
  const Event begin = make_event(cudaEventDefault), end = make_event(cudaEventDefault);
  int best = -1;
  float best_time = std::numeric_limits<float>::infinity();
  for (int i = 0; i < count; ++i) {
    const cublasLtMatmulAlgo_t& algorithm = results[i].algo;
    if (results[i].state != CUBLAS_STATUS_SUCCESS || results[i].workspaceSize > kWorkspaceBytes ||
        run(plan, algorithm, trial, stream) != CUBLAS_STATUS_SUCCESS) {
      continue;
    }
    cuda::check(cudaEventRecord(begin.get(), stream), "timing");
    for (int n = 0; n < kTimedRuns; ++n) {
      check_cublas(run(plan, algorithm, trial, stream), "timing an algorithm");
    }
    cuda::check(cudaEventRecord(end.get(), stream), "timing");
    cuda::check(cudaEventSynchronize(end.get()), "timing");
    float milliseconds = 0;
    cuda::check(cudaEventElapsedTime(&milliseconds, begin.get(), end.get()), "timing");
    if (milliseconds < best_time) {
      best_time = milliseconds;
      best = i;
    }
  }
  return best;
}

cublasStatus_t CublasMatmuls::run(const Plan& plan, const cublasLtMatmulAlgo_t& algorithm,
                                  const Matmul& m, cudaStream_t stream) {
  if (m.bias) {
    set(plan.description.get(), CUBLASLT_MATMUL_DESC_BIAS_POINTER, m.bias);
  }
  if (m.w_scale) plan.set_scales(m);
  const float one = 1, old = m.accumulate ? 1.0f : 0.0f;
  return cublasLtMatmul(handle_, plan.description.get(), &one, m.w.data, plan.w.get(), m.x.data,
                        plan.x.get(), &old, m.out.data, plan.out.get(), m.out.data, plan.out.get(),
                        &algorithm, workspace_->data(), kWorkspaceBytes, stream);
}

}  // namespace echo::cuda
