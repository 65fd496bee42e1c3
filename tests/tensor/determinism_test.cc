// The same call gives the same bits: again, after other calls, over memory that was used before,
// for a sequence alone or among others, and wherever a tensor lies.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <utility>

#include "support/backends.h"
#include "support/reference_ops.h"

namespace echo {
namespace {

class Determinism : public BackendTest {
 protected:
  // Leaves NaN in the memory that the next tensors of such sizes will get.
  static void spoil_free_memory() {
    std::vector<Tensor> blocks;
    for (const int64_t rows : {1, 10, 60, 250, 600}) {
      for (int i = 0; i < 3; ++i) {
        blocks.push_back(on_device(backend(), Matrix(rows, 512, NAN)));
      }
    }
  }
};
ECHO_ON_EVERY_BACKEND(Determinism);

// An operation on the rows x (N, 256) of one sequence; `sequences` stacked as x's rows.
using Operation = std::function<Tensor(const Tensor& x, const Sequences& sequences)>;
using Operations = std::vector<std::pair<const char*, Operation>>;

// All operations whose result for a row depends on this row only.
Operations row_operations(Backend& backend, DType dtype) {
  const Tensor row = on_device(backend, random_matrix(1, 256, 11)),
               bias = on_device(backend, random_matrix(1, 256, 12));
  const Tensor table = on_device(backend, random_matrix(300, 256, 13));
  const Tensor angles = rotary_table(backend, 3000, 64, 10000, false);
  const Tensor heads = on_device(backend, random_matrix(4, 64, 14));
  const auto copied = [](const Tensor& x) {
    const Tensor result = empty(x.backend(), x.rows(), x.cols(), x.dtype());
    copy(x, result);
    return result;
  };
  Operations operations = {
      {"rms_norm",
       [=](const Tensor& x, const Sequences&) { return rms_norm(x, row, 1e-5f, dtype); }},
      {"layer_norm",
       [=](const Tensor& x, const Sequences&) { return layer_norm(x, row, bias, 1e-5f, dtype); }},
      {"modulate",
       [=](const Tensor& x, const Sequences& sequences) {
         return modulate(x, row, bias, 1e-5f, sequences, dtype);
       }},
      {"silu", [=](const Tensor& x, const Sequences&) { return silu(x, dtype); }},
      {"gelu", [=](const Tensor& x, const Sequences&) { return gelu(x, dtype); }},
      {"tanh", [](const Tensor& x, const Sequences&) { return tanh(x); }},
      {"silu_mul", [](const Tensor& x, const Sequences&) { return silu_mul(x, x); }},
      {"snake", [=](const Tensor& x, const Sequences&) { return snake(x, row, dtype); }},
      {"head_norm_rotary",
       [=](const Tensor& x, const Sequences& sequences) {
         const Tensor y = copied(x);
         head_norm_rotary(y, heads, 1e-5f, angles, 4, 2, sequences);
         return y;
       }},
      {"sigmoid_mul",
       [=](const Tensor& x, const Sequences&) {
         const Tensor y = copied(x);
         sigmoid_mul(y, x);
         return y;
       }},
      {"add_gated",
       [=](const Tensor& x, const Sequences& sequences) {
         const Tensor y = copied(x);
         add_gated(x, row, sequences, y);
         return y;
       }},
      {"cast", [=](const Tensor& x, const Sequences&) { return cast(x, dtype); }},
  };
  if (dtype == DType::kFloat32) {
    operations.push_back({"nearest_rows", [=](const Tensor& x, const Sequences&) {
                            return nearest_rows(x, table);
                          }});
    operations.push_back({"guided_step", [=](const Tensor& x, const Sequences&) {
                            const Tensor y = copied(x);
                            guided_step(y, x, x, x, {0.7f, 0.6f, 3, 8, true, 1.2f, 3});
                            return y;
                          }});
  }
  return operations;
}

TEST_P(Determinism, ARowDependsOnNothingButItself) {
  // More rows than a thread takes alone, so that they are divided; 250 begins within a thread's
  // part.
  const int64_t rows = 600;
  for (const DType dtype : kFloatTypes) {
    const Matrix values = random_matrix(rows, 256, 1, 5, dtype);
    const Tensor x = on_device(backend(), values, dtype);
    const Placed elsewhere(backend(), values, dtype, Layout::kColumns);
    for (const auto& [name, operation] : row_operations(backend(), dtype)) {
      SCOPED_TRACE(std::string(name) + ", " + std::string(dtype_name(dtype)));
      const Tensor all = operation(x, {{rows, 7}});
      spoil_free_memory();
      EXPECT_TRUE(same_bits(all, operation(x, {{rows, 7}}))) << "again";
      EXPECT_TRUE(same_bits(all, operation(*elsewhere, {{rows, 7}}))) << "elsewhere in memory";
      for (const auto& [begin, count] :
           {std::pair<int64_t, int64_t>{0, 1}, {250, 13}, {599, 1}, {1, 500}}) {
        EXPECT_TRUE(same_bits(all.row_range(begin, count),
                              operation(x.row_range(begin, count), {{count, 7 + begin}})))
            << "rows from " << begin;
      }
    }
  }
}

TEST_P(Determinism, ASequenceAloneGivesTheSameBitsAsAmongOthers) {
  const Sequences sequences = {{3, 1},   {1, 9}, {400, 4}, {1, 5}, {5, 0}, {0, 0},
                               {100, 6}, {2, 2}, {6, 8},   {5, 3}, {3, 3}, {74, 1}};
  const int64_t count = static_cast<int64_t>(sequences.size());
  const Tensor shift = on_device(backend(), random_matrix(count, 256, 2)),
               factor = on_device(backend(), random_matrix(count, 256, 3));
  const Tensor angles = rotary_table(backend(), 3000, 64, 10000, false);
  const Tensor heads = on_device(backend(), random_matrix(4, 64, 4));
  for (const DType dtype : kFloatTypes) {
    const Matrix values = random_matrix(600, 256, 1, 5, dtype);
    const Tensor x = on_device(backend(), values, dtype);
    const Tensor modulated = modulate(x, shift, factor, 1e-5f, sequences, dtype);
    const Tensor gated = on_device(backend(), values, dtype),
                 turned = on_device(backend(), values, dtype);
    add_gated(x, shift, sequences, gated);
    head_norm_rotary(turned, heads, 1e-5f, angles, 4, 4, sequences);
    int64_t begin = 0;
    for (int64_t i = 0; i < count; ++i) {
      const Sequence sequence = sequences[static_cast<size_t>(i)];
      const Tensor mine = x.row_range(begin, sequence.rows);
      EXPECT_TRUE(same_bits(
          modulated.row_range(begin, sequence.rows),
          modulate(mine, shift.row_range(i, 1), factor.row_range(i, 1), 1e-5f, {sequence}, dtype)));
      const Matrix rows = values.row_range(begin, sequence.rows);
      const Tensor alone = on_device(backend(), rows, dtype),
                   turned_alone = on_device(backend(), rows, dtype);
      add_gated(mine, shift.row_range(i, 1), {sequence}, alone);
      EXPECT_TRUE(same_bits(gated.row_range(begin, sequence.rows), alone));
      head_norm_rotary(turned_alone, heads, 1e-5f, angles, 4, 4, {sequence});
      EXPECT_TRUE(same_bits(turned.row_range(begin, sequence.rows), turned_alone));
      begin += sequence.rows;
    }
  }
}

// Products and convolutions: the same rows after other numbers of rows were asked for, in
// another order and with other memory.
TEST_P(Determinism, ProductsDoNotDependOnWhatRanBefore) {
  struct Shape {
    int64_t out, in, taps, stride, dilation;
  };
  for (const Shape shape :
       {Shape{256, 512, 1, 1, 1}, Shape{80, 2048, 1, 1, 1}, Shape{64, 64, 7, 1, 9},
        Shape{256, 128, 8, 4, 1}, Shape{384, 384, 7, 1, 3}, Shape{96, 96, 7, 1, 1}}) {
    for (const DType dtype : matrix_types()) {
      const std::vector<float> w = random_matrix(shape.out, shape.in * shape.taps, 2, 0.1).floats();
      const auto pack = [&] {
        return backend().pack({w.data(), DType::kFloat32, shape.out, shape.in, shape.taps},
                              shape.stride, shape.dilation, dtype);
      };
      const int64_t most = 300;
      const int64_t span = shape.dilation * (shape.taps - 1) + 1;
      const Tensor x = on_device(
          backend(), random_matrix((most - 1) * shape.stride + span, shape.in, 1, 1, dtype), dtype);
      const auto run = [&](const PackedWeights& weights, int64_t rows) {
        const Tensor mine = x.row_range(0, (rows - 1) * shape.stride + span);
        return conv1d(mine, weights, {}, DType::kFloat32);
      };
      const std::vector<int64_t> row_counts = {most, 1, 17, 128, 3, 64};
      const auto forward = pack(), backward = pack();
      std::vector<Tensor> results;
      for (const int64_t rows : row_counts) results.push_back(run(*forward, rows));
      spoil_free_memory();
      for (size_t i = row_counts.size(); i-- > 0;) {
        EXPECT_TRUE(same_bits(results[i], run(*backward, row_counts[i])))
            << shape.in << " to " << shape.out << ", " << shape.taps << " taps, " << row_counts[i]
            << " rows";
      }
    }
  }
}

}  // namespace
}  // namespace echo
