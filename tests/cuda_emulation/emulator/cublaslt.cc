#include <cublasLt.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "cuda_bf16.h"
#include "cuda_fp8.h"

struct cublasLtContext {};
struct cublasLtMatmulDescOpaque_t {
  cublasComputeType_t compute;
  cudaDataType_t scale;
  int32_t transpose_a = CUBLAS_OP_N, transpose_b = CUBLAS_OP_N;
  uint32_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
  const void* bias = nullptr;
  int32_t bias_type = -1;  // that of d
  const float *a_scale = nullptr, *b_scale = nullptr, *d_scale = nullptr;
  int8_t fast_accumulation = 0;
};
struct cublasLtMatrixLayoutOpaque_t {
  uint32_t type;
  uint64_t rows, cols;
  int64_t ld;
  int32_t order = CUBLASLT_ORDER_COL;
};
struct cublasLtMatmulPreferenceOpaque_t {};

namespace {

constexpr uint64_t kAlgorithmMark = 0x6563686f6c74u;
bool refuses_all = false;
constexpr int kAlgorithms = 2;

template <class T>
cublasStatus_t set(T& field, const void* value, size_t bytes) {
  if (!value || bytes < sizeof field) return CUBLAS_STATUS_INVALID_VALUE;
  std::memcpy(&field, value, sizeof field);
  return CUBLAS_STATUS_SUCCESS;
}

bool is_byte(uint32_t type) { return type == CUDA_R_8F_E4M3 || type == CUDA_R_8I; }
size_t size_of(uint32_t type) { return is_byte(type) ? 1 : type == CUDA_R_16BF ? 2 : 4; }

float element(const void* data, uint32_t type, int64_t i) {
  switch (type) {
    case CUDA_R_16BF:
      return static_cast<float>(static_cast<const __nv_bfloat16*>(data)[i]);
    case CUDA_R_8F_E4M3:
      return static_cast<float>(static_cast<const __nv_fp8_e4m3*>(data)[i]);
    case CUDA_R_8I:
      return static_cast<float>(static_cast<const int8_t*>(data)[i]);
    case CUDA_R_32I:
      return static_cast<float>(static_cast<const int32_t*>(data)[i]);
    default:
      return static_cast<const float*>(data)[i];
  }
}
void store(void* data, uint32_t type, int64_t i, float value) {
  if (type == CUDA_R_16BF) {
    static_cast<__nv_bfloat16*>(data)[i] = __nv_bfloat16(value);
  } else {
    static_cast<float*>(data)[i] = value;
  }
}

bool transposed(int32_t operation, const cublasLtMatrixLayoutOpaque_t& layout) {
  return (operation == CUBLAS_OP_T) != (layout.order == CUBLASLT_ORDER_ROW);
}
int64_t op_rows(int32_t operation, const cublasLtMatrixLayoutOpaque_t& layout) {
  return static_cast<int64_t>(operation == CUBLAS_OP_T ? layout.cols : layout.rows);
}
int64_t op_cols(int32_t operation, const cublasLtMatrixLayoutOpaque_t& layout) {
  return static_cast<int64_t>(operation == CUBLAS_OP_T ? layout.rows : layout.cols);
}

// What the library refuses too.
cublasStatus_t check(const cublasLtMatmulDescOpaque_t& op, const cublasLtMatrixLayoutOpaque_t& a,
                     const cublasLtMatrixLayoutOpaque_t& b, const cublasLtMatrixLayoutOpaque_t& c,
                     const cublasLtMatrixLayoutOpaque_t& d) {
  const int64_t m = static_cast<int64_t>(d.rows), n = static_cast<int64_t>(d.cols);
  const int64_t k = op_cols(op.transpose_a, a);
  if (op_rows(op.transpose_a, a) != m || op_cols(op.transpose_b, b) != n ||
      op_rows(op.transpose_b, b) != k || c.rows != d.rows || c.cols != d.cols || m == 0 || n == 0 ||
      k == 0) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  for (const auto* layout : {&a, &b, &c, &d}) {
    const uint64_t least = layout->order == CUBLASLT_ORDER_COL ? layout->rows : layout->cols;
    if (layout->ld < static_cast<int64_t>(least)) return CUBLAS_STATUS_INVALID_VALUE;
  }
  if (refuses_all) return CUBLAS_STATUS_NOT_SUPPORTED;
  const bool integers = op.compute == CUBLAS_COMPUTE_32I;
  if (integers != (a.type == CUDA_R_8I) || a.type != b.type || c.type != d.type) {
    return CUBLAS_STATUS_NOT_SUPPORTED;
  }
  if (integers && (d.type != CUDA_R_32I || op.scale != CUDA_R_32I || op.bias)) {
    return CUBLAS_STATUS_NOT_SUPPORTED;
  }
  if (!integers && d.type != CUDA_R_32F && d.type != CUDA_R_16BF) {
    return CUBLAS_STATUS_NOT_SUPPORTED;
  }
  // Bytes: only rows by columns, in steps of 16 bytes (4 for integers).
  if (is_byte(a.type)) {
    const int64_t step = integers ? 4 : 16;
    if (!transposed(op.transpose_a, a) || transposed(op.transpose_b, b) || a.ld % step != 0 ||
        b.ld % step != 0 || k % step != 0 || m % step != 0 ||
        d.ld * static_cast<int64_t>(size_of(d.type)) % 16 != 0) {
      return CUBLAS_STATUS_NOT_SUPPORTED;
    }
  }
  if (op.epilogue != CUBLASLT_EPILOGUE_DEFAULT && op.epilogue != CUBLASLT_EPILOGUE_BIAS) {
    return CUBLAS_STATUS_NOT_SUPPORTED;
  }
  // The library takes biases of d's type, and bfloat16 ones for float32 results of bfloat16.
  if (op.epilogue == CUBLASLT_EPILOGUE_BIAS) {
    const auto bias_type = op.bias_type < 0 ? d.type : static_cast<uint32_t>(op.bias_type);
    const bool bfloat16 = bias_type == CUDA_R_16BF && a.type != CUDA_R_32F;
    if (bias_type != d.type && !bfloat16) return CUBLAS_STATUS_NOT_SUPPORTED;
  }
  return CUBLAS_STATUS_SUCCESS;
}

// Columns of op(a), or rows of op(b), that are computed together.
constexpr int64_t kPanel = 16, kRows = 4;

// op(a) as panels of kPanel rows: [panel][k][row].
template <class T>
std::vector<T> panels(const void* data, const cublasLtMatrixLayoutOpaque_t& layout,
                      int32_t operation, int64_t count, int64_t k, bool of_rows) {
  const bool turned = transposed(operation, layout) == of_rows;  // k runs along memory
  const int64_t number = (count + kPanel - 1) / kPanel;
  std::vector<T> result(static_cast<size_t>(number * kPanel * k));
#pragma omp parallel for schedule(static) if (count * k > 65536)
  for (int64_t panel = 0; panel < number; ++panel) {
    T* to = result.data() + panel * kPanel * k;
    for (int64_t i = 0; i < std::min(kPanel, count - panel * kPanel); ++i) {
      const int64_t row = panel * kPanel + i;
      for (int64_t j = 0; j < k; ++j) {
        to[j * kPanel + i] = static_cast<T>(
            element(data, layout.type, turned ? row * layout.ld + j : j * layout.ld + row));
      }
    }
  }
  return result;
}

struct MatmulCall {
  cublasLtMatmulDescOpaque_t op;
  cublasLtMatrixLayoutOpaque_t a_layout, b_layout, c_layout, d_layout;
  const void *a, *b, *c;
  void* d;
  float alpha, beta;
  int32_t integer_alpha, integer_beta;

  template <class T, class Store>
  void multiply(Store store_result) const {
    const int64_t m = static_cast<int64_t>(d_layout.rows), n = static_cast<int64_t>(d_layout.cols);
    const int64_t k = op_cols(op.transpose_a, a_layout);
    const std::vector<T> left = panels<T>(a, a_layout, op.transpose_a, m, k, true);
    const std::vector<T> right = panels<T>(b, b_layout, op.transpose_b, n, k, false);
    const int64_t blocks = (n + kRows - 1) / kRows;
#pragma omp parallel for schedule(static) if (m * n * k > 65536)
    for (int64_t block = 0; block < blocks; ++block) {
      const int64_t column = block * kRows;
      const T* columns = right.data() + column / kPanel * kPanel * k + column % kPanel;
      for (int64_t row = 0; row < m; row += kPanel) {
        const T* rows = left.data() + row * k;
        T sums[kRows][kPanel] = {};
        for (int64_t j = 0; j < k; ++j) {
          for (int64_t i = 0; i < kRows; ++i) {
            const T factor = columns[j * kPanel + i];
            for (int64_t r = 0; r < kPanel; ++r) sums[i][r] += factor * rows[j * kPanel + r];
          }
        }
        for (int64_t i = 0; i < std::min(kRows, n - column); ++i) {
          for (int64_t r = 0; r < std::min(kPanel, m - row); ++r) {
            store_result(row + r, column + i, sums[i][r]);
          }
        }
      }
    }
  }

  static int64_t index(const cublasLtMatrixLayoutOpaque_t& layout, int64_t row, int64_t column) {
    return layout.order == CUBLASLT_ORDER_COL ? column * layout.ld + row : row * layout.ld + column;
  }

  void run() const {
    if (op.compute == CUBLAS_COMPUTE_32I) {
      multiply<int32_t>([&](int64_t row, int64_t column, int32_t sum) {
        int32_t value = integer_alpha * sum;
        if (integer_beta != 0) {
          value += integer_beta * static_cast<const int32_t*>(c)[index(c_layout, row, column)];
        }
        static_cast<int32_t*>(d)[index(d_layout, row, column)] = value;
      });
      return;
    }
    const float factor =
        alpha * (op.a_scale ? *op.a_scale : 1.0f) * (op.b_scale ? *op.b_scale : 1.0f);
    const auto bias_type = op.bias_type < 0 ? d_layout.type : static_cast<uint32_t>(op.bias_type);
    multiply<float>([&](int64_t row, int64_t column, float sum) {
      float value = factor * sum;
      if (beta != 0) value += beta * element(c, c_layout.type, index(c_layout, row, column));
      if (op.epilogue == CUBLASLT_EPILOGUE_BIAS) value += element(op.bias, bias_type, row);
      store(d, d_layout.type, index(d_layout, row, column), value);
    });
  }
};

}  // namespace

void echo::cuda_emulation::refuse_matmuls(bool refuse) { refuses_all = refuse; }

cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle) {
  *handle = new cublasLtContext;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle) {
  delete handle;
  return CUBLAS_STATUS_SUCCESS;
}
size_t cublasLtGetVersion() { return 130000; }
const char* cublasLtGetStatusName(cublasStatus_t status) {
  switch (status) {
    case CUBLAS_STATUS_SUCCESS:
      return "CUBLAS_STATUS_SUCCESS";
    case CUBLAS_STATUS_INVALID_VALUE:
      return "CUBLAS_STATUS_INVALID_VALUE";
    case CUBLAS_STATUS_NOT_SUPPORTED:
      return "CUBLAS_STATUS_NOT_SUPPORTED";
    default:
      return "CUBLAS_STATUS_INTERNAL_ERROR";
  }
}
const char* cublasLtGetStatusString(cublasStatus_t status) { return cublasLtGetStatusName(status); }

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t* description,
                                        cublasComputeType_t compute, cudaDataType_t scale) {
  *description = new cublasLtMatmulDescOpaque_t{compute, scale};
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t description) {
  delete description;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t description,
                                              cublasLtMatmulDescAttributes_t attribute,
                                              const void* value, size_t bytes) {
  switch (attribute) {
    case CUBLASLT_MATMUL_DESC_COMPUTE_TYPE:
      return set(description->compute, value, bytes);
    case CUBLASLT_MATMUL_DESC_SCALE_TYPE:
      return set(description->scale, value, bytes);
    case CUBLASLT_MATMUL_DESC_TRANSA:
      return set(description->transpose_a, value, bytes);
    case CUBLASLT_MATMUL_DESC_TRANSB:
      return set(description->transpose_b, value, bytes);
    case CUBLASLT_MATMUL_DESC_EPILOGUE:
      return set(description->epilogue, value, bytes);
    case CUBLASLT_MATMUL_DESC_BIAS_POINTER:
      return set(description->bias, value, bytes);
    case CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE:
      return set(description->bias_type, value, bytes);
    case CUBLASLT_MATMUL_DESC_A_SCALE_POINTER:
      return set(description->a_scale, value, bytes);
    case CUBLASLT_MATMUL_DESC_B_SCALE_POINTER:
      return set(description->b_scale, value, bytes);
    case CUBLASLT_MATMUL_DESC_D_SCALE_POINTER:
      return set(description->d_scale, value, bytes);
    case CUBLASLT_MATMUL_DESC_FAST_ACCUM:
      return set(description->fast_accumulation, value, bytes);
    case CUBLASLT_MATMUL_DESC_POINTER_MODE:
      break;
  }
  return CUBLAS_STATUS_NOT_SUPPORTED;
}
cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t* layout, cudaDataType type,
                                          uint64_t rows, uint64_t cols, int64_t ld) {
  *layout = new cublasLtMatrixLayoutOpaque_t{static_cast<uint32_t>(type), rows, cols, ld};
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout) {
  delete layout;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatrixLayoutSetAttribute(cublasLtMatrixLayout_t layout,
                                                cublasLtMatrixLayoutAttribute_t attribute,
                                                const void* value, size_t bytes) {
  switch (attribute) {
    case CUBLASLT_MATRIX_LAYOUT_TYPE:
      return set(layout->type, value, bytes);
    case CUBLASLT_MATRIX_LAYOUT_ORDER:
      return set(layout->order, value, bytes);
    case CUBLASLT_MATRIX_LAYOUT_ROWS:
      return set(layout->rows, value, bytes);
    case CUBLASLT_MATRIX_LAYOUT_COLS:
      return set(layout->cols, value, bytes);
    case CUBLASLT_MATRIX_LAYOUT_LD:
      return set(layout->ld, value, bytes);
    case CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT:
    case CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET:
      break;
  }
  return CUBLAS_STATUS_NOT_SUPPORTED;
}
cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t* preference) {
  *preference = new cublasLtMatmulPreferenceOpaque_t;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t preference) {
  delete preference;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t,
                                                    cublasLtMatmulPreferenceAttributes_t,
                                                    const void* value, size_t) {
  return value ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_INVALID_VALUE;
}

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t, cublasLtMatmulDesc_t description,
                                              cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                              cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                              cublasLtMatmulPreference_t, int requested,
                                              cublasLtMatmulHeuristicResult_t results[],
                                              int* returned) {
  *returned = 0;
  if (const cublasStatus_t status = check(*description, *a, *b, *c, *d);
      status != CUBLAS_STATUS_SUCCESS) {
    return status;
  }
  *returned = std::min(requested, kAlgorithms);
  for (int i = 0; i < *returned; ++i) {
    results[i] = {};
    results[i].algo.data[0] = kAlgorithmMark;
    results[i].algo.data[1] = static_cast<uint64_t>(i);
    results[i].state = CUBLAS_STATUS_SUCCESS;
    results[i].wavesCount = 1;
  }
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulAlgoCheck(cublasLtHandle_t, cublasLtMatmulDesc_t description,
                                       cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                       cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                       const cublasLtMatmulAlgo_t* algorithm,
                                       cublasLtMatmulHeuristicResult_t* result) {
  if (algorithm->data[0] != kAlgorithmMark || algorithm->data[1] >= kAlgorithms) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  *result = {};
  result->algo = *algorithm;
  return result->state = check(*description, *a, *b, *c, *d);
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t, cublasLtMatmulDesc_t description, const void* alpha,
                              const void* a, cublasLtMatrixLayout_t a_layout, const void* b,
                              cublasLtMatrixLayout_t b_layout, const void* beta, const void* c,
                              cublasLtMatrixLayout_t c_layout, void* d,
                              cublasLtMatrixLayout_t d_layout,
                              const cublasLtMatmulAlgo_t* algorithm, void*, size_t,
                              cudaStream_t stream) {
  if (const cublasStatus_t status = check(*description, *a_layout, *b_layout, *c_layout, *d_layout);
      status != CUBLAS_STATUS_SUCCESS) {
    return status;
  }
  if (algorithm && (algorithm->data[0] != kAlgorithmMark || algorithm->data[1] >= kAlgorithms)) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  if (is_byte(a_layout->type)) {
    for (const void* pointer : {a, b, c, static_cast<const void*>(d)}) {
      if (reinterpret_cast<uintptr_t>(pointer) % 16 != 0) return CUBLAS_STATUS_NOT_SUPPORTED;
    }
  }
  MatmulCall call{*description, *a_layout, *b_layout, *c_layout, *d_layout, a, b, c, d, 0, 0, 0, 0};
  if (description->scale == CUDA_R_32I) {
    std::memcpy(&call.integer_alpha, alpha, sizeof(int32_t));
    std::memcpy(&call.integer_beta, beta, sizeof(int32_t));
  } else {
    std::memcpy(&call.alpha, alpha, sizeof(float));
    std::memcpy(&call.beta, beta, sizeof(float));
  }
  const auto run = [call] {
    call.run();
    return cudaSuccess;
  };
  const cudaError_t error =
      echo::cuda_emulation::enqueue(stream, run, &echo::cuda_emulation::StreamWork::matmuls);
  return error == cudaSuccess ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_EXECUTION_FAILED;
}
