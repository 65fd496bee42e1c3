#include "tensor/tensor.h"

#include <string>

#include "base/error.h"
#include "tensor/backend.h"

namespace echo {
namespace {

void check_range(const char* what, int64_t begin, int64_t count, int64_t size) {
  if (begin < 0 || count < 0 || count > size || begin > size - count) {
    throw_internal(std::string(what) + ": " + std::to_string(count) + " from " +
                   std::to_string(begin) + " on, of " + std::to_string(size));
  }
}

}  // namespace

Backend& Tensor::backend() const {
  if (!backend_) throw_internal("a tensor that was never made was used");
  return *backend_;
}

Tensor Tensor::row_range(int64_t begin, int64_t count) const {
  check_range("row_range", begin, count, rows_);
  Tensor view = *this;
  view.offset_ += begin * stride_;
  view.rows_ = count;
  return view;
}

Tensor Tensor::column_range(int64_t begin, int64_t count) const {
  check_range("column_range", begin, count, cols_);
  Tensor view = *this;
  view.offset_ += begin;
  view.cols_ = count;
  return view;
}

Tensor Tensor::split_rows(int64_t factor) const {
  if (factor < 1 || cols_ % factor != 0 || !contiguous()) {
    throw_internal("split_rows: " + std::to_string(cols_) + " columns by " +
                   std::to_string(factor) + ", or rows that are not contiguous");
  }
  Tensor view = *this;
  view.rows_ = rows_ * factor;
  view.cols_ = view.stride_ = cols_ / factor;
  return view;
}

std::vector<Tensor> Tensor::split_columns(int64_t parts) const {
  if (parts < 1 || cols_ % parts != 0) {
    throw_internal("split_columns: " + std::to_string(cols_) + " columns into " +
                   std::to_string(parts) + " parts");
  }
  std::vector<Tensor> views;
  for (int64_t i = 0; i < parts; ++i)
    views.push_back(column_range(i * (cols_ / parts), cols_ / parts));
  return views;
}

std::vector<float> Tensor::to_host() const {
  std::vector<float> values(static_cast<size_t>(size()));
  if (empty()) return values;
  if (dtype_ == DType::kFloat32) {
    backend_->download(*this, values.data());
  } else if (dtype_ == DType::kBFloat16) {
    std::vector<BFloat16> raw(values.size());
    backend_->download(*this, raw.data());
    for (size_t i = 0; i < raw.size(); ++i) values[i] = bfloat16_to_float(raw[i]);
  } else {
    throw_internal("to_host: not a float tensor");
  }
  return values;
}

std::vector<int32_t> Tensor::to_host_ints() const {
  if (dtype_ != DType::kInt32) throw_internal("to_host_ints: not an int32 tensor");
  std::vector<int32_t> values(static_cast<size_t>(size()));
  if (!empty()) backend_->download(*this, values.data());
  return values;
}

}  // namespace echo
