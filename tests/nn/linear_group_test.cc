// Several matrices of one input, on every backend.
#include <gtest/gtest.h>

#include <map>

#include "base/error.h"
#include "nn/layers.h"
#include "nn/safetensors_bytes.h"
#include "support/backends.h"
#include "support/reference_ops.h"

namespace echo {
namespace {

// A checkpoint in memory. F32 tensors come first, so that all are aligned.
class Checkpoint {
 public:
  // The matrix as the file holds it.
  Matrix add(const std::string& scope, int64_t out, int64_t in, const char* dtype) {
    const Matrix w = random_matrix(out, in, header_.size() + 1, 0.2, DType::kBFloat16);
    append(scope + ".weight", "[" + std::to_string(out) + "," + std::to_string(in) + "]", dtype, w);
    return w;
  }
  Matrix add_bias(const std::string& scope, int64_t out) {
    const Matrix b = random_matrix(1, out, header_.size() + 1);
    append(scope + ".bias", "[" + std::to_string(out) + "]", "F32", b);
    return b;
  }
  Weights open() {
    bytes_ = std::make_unique<AlignedBytes>(padded_safetensors("{" + header_ + "}", data_));
    return Weights(SafetensorsFile::from_bytes(bytes_->span(), "dit.safetensors"));
  }

 private:
  void append(const std::string& name, const std::string& shape, const std::string& dtype,
              const Matrix& values) {
    const size_t begin = data_.size();
    for (const float value : values.floats()) {
      const BFloat16 half = float_to_bfloat16(value);
      const bool wide = dtype == "F32";
      data_.append(
          wide ? reinterpret_cast<const char*>(&value) : reinterpret_cast<const char*>(&half),
          wide ? sizeof value : sizeof half);
    }
    if (!header_.empty()) header_ += ",";
    header_ += "\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape +
               ",\"data_offsets\":[" + std::to_string(begin) + "," + std::to_string(data_.size()) +
               "]}";
  }
  std::string header_, data_;
  std::unique_ptr<AlignedBytes> bytes_;
};

class LinearGroups : public BackendTest {};
ECHO_ON_EVERY_DEVICE(LinearGroups);

TEST_P(LinearGroups, GiveWhatEachMatrixGivesByItself) {
  constexpr int64_t kIn = 64;
  Checkpoint file;
  std::map<std::string, Matrix> matrices, biases;
  matrices["w1"] = file.add("a.w1", 32, kIn, "F32");
  biases["biased"] = file.add_bias("a.biased", 48);
  matrices["biased"] = file.add("a.biased", 48, kIn, "BF16");
  matrices["w3"] = file.add("a.w3", 16, kIn, "BF16");
  const Weights a = file.open()["a"];
  const auto expect_equal = [&](const LayerContext& context,
                                std::initializer_list<std::string_view> names) {
    const LinearGroup group(context, a, names);
    EXPECT_EQ(group.dtype(), context.precision);
    for (const int64_t rows : {1, 5, 260}) {
      const Matrix x = random_matrix(rows, kIn, 9, 1, context.precision);
      const Tensor input = on_device(backend(), x, context.precision);
      for (const DType out : kFloatTypes) {
        const std::vector<Tensor> results = group(input, out);
        ASSERT_EQ(results.size(), names.size());
        size_t i = 0;
        for (const std::string_view view : names) {
          const std::string name(view);
          SCOPED_TRACE(std::to_string(rows) + " rows, " +
                       std::string(dtype_name(context.stored())) + " to " +
                       std::string(dtype_name(out)) + ", " + name);
          // Both are sums of the same terms.
          const Matrix alone = host(Linear(context, a[name])(input, out));
          const Matrix size = reference::linear(x, matrices[name], biases[name]).magnitude;
          EXPECT_TRUE(is_close(results[i++], {alone, size}, kSumUnits));
        }
        // Columns of one tensor where the backend wants it so.
        const bool beside =
            results[1].data() ==
            results[0].data_as<char>() + results[0].cols() * static_cast<int64_t>(dtype_size(out));
        EXPECT_EQ(beside, backend().stacks_matrices(context.stored()));
      }
    }
  };
  for (const DType type : matrix_types()) expect_equal({backend(), type}, {"w1", "biased", "w3"});
  for (const DType type : {DType::kInt8, DType::kFloat8}) {
    if (backend().packs(type)) expect_equal({backend(), DType::kBFloat16, type}, {"w1", "w3"});
  }
}

TEST_P(LinearGroups, ConvertTheirInput) {
  Checkpoint file;
  const Matrix w = file.add("w1", 16, 32, "BF16"), v = file.add("w3", 8, 32, "BF16");
  const DType type = matrix_types().back();
  const LinearGroup group({backend(), type}, file.open(), {"w1", "w3"});
  const Matrix x = random_matrix(3, 32, 1);
  const std::vector<Tensor> y = group(on_device(backend(), x), DType::kFloat32);
  EXPECT_TRUE(is_close(y[0], reference::linear(rounded(x, type), w, {}), kSumUnits));
  EXPECT_TRUE(is_close(y[1], reference::linear(rounded(x, type), v, {}), kSumUnits));
}

TEST_P(LinearGroups, NameTheTensorThatDoesNotFit) {
  if (!backend().stacks_matrices(DType::kFloat32))
    GTEST_SKIP() << "this backend multiplies matrices one by one";
  Checkpoint file;
  file.add("w1", 16, 32, "F32");
  file.add("w3", 16, 48, "F32");
  file.add("w4", 16, 32, "F32");
  file.add_bias("w4", 8);
  const Weights w = file.open();
  const auto error = [&](std::initializer_list<std::string_view> names) -> std::string {
    try {
      const LinearGroup group({backend(), DType::kFloat32}, w, names);
    } catch (const Error& found) {
      EXPECT_EQ(found.code(), names.size() > 2 ? ErrorCode::kNotFound : ErrorCode::kCorrupt);
      return found.what();
    }
    return "nothing";
  };
  EXPECT_EQ(error({"w1", "w3"}),
            "dit.safetensors: tensor \"w3.weight\": 48 inputs found, 32 expected");
  EXPECT_EQ(error({"w1", "w4"}),
            "dit.safetensors: tensor \"w4.bias\": 8 values found, 16 expected");
  EXPECT_EQ(error({"w1", "w3", "w5"}), "dit.safetensors: no tensor \"w5.weight\"");
}

}  // namespace
}  // namespace echo
