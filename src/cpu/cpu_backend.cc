#include "cpu/cpu_backend.h"

#include <omp.h>

#include <algorithm>
#include <cstring>
#include <exception>
#include <fstream>
#include <string>

#include "base/error.h"
#include "base/processors.h"
#include "base/system_memory.h"
#include "cpu/attention.h"
#include "cpu/bfloat16_tiles.h"
#include "cpu/deferred_weights.h"
#include "cpu/int8_matmul.h"
#include "cpu/onednn.h"
#include "cpu/view.h"

namespace echo::cpu {
namespace {

View rows_of(View x, int64_t begin, int64_t count) {
  x.data = static_cast<char*>(x.data) + static_cast<size_t>(begin * x.stride) * dtype_size(x.dtype);
  x.rows = count;
  return x;
}

const float* row_data(const Tensor& x) { return x.empty() ? nullptr : x.data_as<float>(); }

// Null where the machine has none.
const Int8Kernels* best_int8_kernels() {
  const std::vector<const Int8Kernels*> found = supported_int8_kernels();
  return found.empty() ? nullptr : found.front();
}

// What OMP_NUM_THREADS asks for, before anything here has asked for another number; without it the
// processors that the process may run on.
const int kOpenMpThreads = omp_get_max_threads();

int default_threads() { return std::min(kOpenMpThreads, processor_allowance().threads()); }

std::string processor_name() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  }
  return "unknown processor";
}

class CpuBackend : public Backend {
 public:
  explicit CpuBackend(const CpuOptions& options)
      : kernels_(options.kernels ? *options.kernels : *supported_kernels().front()),
        int8_(options.int8 ? options.int8 : best_int8_kernels()),
        pool_(options.max_free_bytes),
        threads_(options.threads > 0 ? options.threads : default_threads()) {}

  std::string name() const override { return "cpu"; }
  std::string description() const override {
    return processor_name() + ", " + std::to_string(threads_) + " threads, " +
           std::string(kernels_.name) + " kernels" +
           (int8_ ? ", int8 by " + std::string(int8_->name) : std::string());
  }
  uint64_t memory_limit() const override { return system_memory().total.value_or(0); }
  DType compute_dtype(DType wanted) const override {
    return wanted == DType::kBFloat16 && has_fast_bfloat16() ? DType::kBFloat16 : DType::kFloat32;
  }
  bool packs(DType quantized) const override {
    return quantized == DType::kInt8 && int8_ != nullptr;
  }
  int64_t batch_width() const override { return 1; }

  std::shared_ptr<Buffer> allocate(size_t bytes) override { return pool_.allocate(bytes); }

  void upload(const void* host, const Tensor& to) override {
    copy_rows(host, to.cols(), to.data(), to.stride(), to);
  }
  void download(const Tensor& from, void* host) const override {
    copy_rows(from.data(), from.stride(), host, from.cols(), from);
  }
  void copy(const Tensor& from, const Tensor& to) override {
    if (from.dtype() == to.dtype()) {
      copy_rows(from.data(), from.stride(), to.data(), to.stride(), from);
    } else {
      over_rows({view(from), view(to)}, [&](const View* v) { kernels_.convert(v[0], v[1]); });
    }
  }
  void fill_zero(const Tensor& x) override {
    const size_t bytes = static_cast<size_t>(x.cols()) * dtype_size(x.dtype());
    for (int64_t r = 0; r < x.rows(); ++r) std::memset(x.row_range(r, 1).data(), 0, bytes);
  }

  std::shared_ptr<PackedWeights> pack(const HostWeights& weights, int64_t stride, int64_t dilation,
                                      DType precision) override {
    use_threads();
    if (packs(precision)) return pack_int8_matrices({weights});
    if (precision != DType::kFloat32 && precision != DType::kBFloat16) {
      throw_internal("pack: " + std::string(dtype_name(precision)) +
                     " found, float32 or bfloat16 expected");
    }
    if (weights.taps != 1 || stride != 1) {
      return convolves_in_tiles(weights, precision)
                 ? pack_tiles(weights, stride, dilation, arena_)
                 : pack_convolution(weights, stride, dilation, precision, arena_);
    }
    const auto pack = [this, weights, precision] {
      return in_tiles(weights.out, precision) ? pack_tiles(weights, 1, 1, arena_)
                                              : pack_matrix(weights, precision, arena_);
    };
    if (!weights.owner || !weights.layout.empty()) return pack();
    return defer(weights, precision, pack);
  }
  // One quantized input then serves all of them.
  bool stacks_matrices(DType precision) const override { return packs(precision); }
  std::shared_ptr<PackedWeights> pack_stacked(std::span<const HostWeights> parts,
                                              DType precision) override {
    if (!packs(precision)) return Backend::pack_stacked(parts, precision);
    use_threads();
    return pack_int8_matrices({parts.begin(), parts.end()});
  }
  std::string packed_layout(int64_t out, int64_t in, DType precision) const override {
    if (packs(precision)) return int8_layout(out, in);
    if (in_tiles(out, precision)) return tile_layout(out, in);
    return cpu::packed_layout(out, in, precision);
  }
  std::span<const std::byte> packed_bytes(const PackedWeights& weights) const override {
    const PackedWeights& packed = ready(weights);
    if (is_int8(packed)) return int8_bytes(packed);
    return is_tiles(packed) ? tile_bytes(packed) : cpu::packed_bytes(packed);
  }
  void linear(const Tensor& x, const PackedWeights& weights, const Tensor& bias, bool accumulate,
              const Tensor& out) override {
    use_threads();
    const PackedWeights& w = ready(weights);
    if (is_int8(w)) {
      return linear_int8(*int8_, x, w, bias, accumulate, out, threads_, pool_);
    }
    if (is_tiles(w)) return linear_tiles(x, w, bias, accumulate, out, threads_, pool_);
    through_result_type(w, accumulate, out,
                        [&](const Tensor& to) { cpu::linear(x, w, bias, accumulate, to); });
  }
  void conv1d(const Tensor& x, const PackedWeights& w, const Tensor& bias, bool accumulate,
              const Tensor& out) override {
    if (w.taps() == 1 && w.stride() == 1) return linear(x, w, bias, accumulate, out);
    use_threads();
    if (is_tiles(w)) return conv1d_tiles(x, w, bias, accumulate, out, threads_, pool_);
    through_result_type(w, accumulate, out,
                        [&](const Tensor& to) { cpu::conv1d(x, w, bias, accumulate, to); });
  }
  void depthwise_conv1d(const Tensor& x, const Tensor& w, const Tensor& bias,
                        const Tensor& out) override {
    const View in = view(x);
    const float* taps = w.data_as<float>();
    over_rows_indexed({view(out)}, [&](int64_t begin, const View* v) {
      View part = in;
      part.data = static_cast<float*>(in.data) + begin * in.stride;
      kernels_.depthwise(part, taps, w.rows(), row_data(bias), v[0]);
    });
  }

  void rms_norm(const Tensor& x, const Tensor& weight, float eps, const Tensor& out) override {
    over_rows({view(x), view(out)},
              [&](const View* v) { kernels_.rms_norm(v[0], row_data(weight), eps, v[1]); });
  }
  void layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, float eps,
                  const Tensor& out) override {
    over_rows({view(x), view(out)}, [&](const View* v) {
      kernels_.layer_norm(v[0], row_data(weight), row_data(bias), eps, v[1]);
    });
  }
  void modulate(const Tensor& x, const Tensor& shift, const Tensor& scale, float eps,
                const Sequences& sequences, const Tensor& out) override {
    over_sequences(sequences, {view(x), view(out)}, [&](size_t sequence, const View* v) {
      kernels_.modulate(v[0], sequence_row(shift, sequence), sequence_row(scale, sequence), eps,
                        v[1]);
    });
  }
  void head_norm_rotary(const Tensor& x, const Tensor& weight, float eps, const Tensor& rotary,
                        int64_t heads, int64_t rotated_heads, int64_t position_step,
                        const Sequences& sequences) override {
    int64_t sequence_begin = 0;
    for (const Sequence& sequence : sequences) {
      over_rows_indexed({rows_of(view(x), sequence_begin, sequence.rows)},
                        [&](int64_t begin, const View* v) {
                          kernels_.head_norm_rotary(
                              v[0], row_data(weight), eps, row_data(rotary), heads, rotated_heads,
                              sequence.first_position + begin * position_step, position_step);
                        });
      sequence_begin += sequence.rows;
    }
  }
  void attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionShape& shape,
                 const Sequences& sequences, std::span<const Sections> sections,
                 const Tensor& out) override {
    use_threads();
    cpu::attention(kernels_, q, k, v, shape, sequences, sections, out);
  }

  void silu(const Tensor& x, const Tensor& out) override { unary(Unary::kSilu, x, out); }
  void gelu(const Tensor& x, const Tensor& out) override { unary(Unary::kGelu, x, out); }
  void tanh(const Tensor& x, const Tensor& out) override { unary(Unary::kTanh, x, out); }
  void silu_mul(const Tensor& a, const Tensor& b, const Tensor& out) override {
    over_rows({view(a), view(b), view(out)},
              [&](const View* v) { kernels_.silu_mul(v[0], v[1], v[2]); });
  }
  void sigmoid_mul(const Tensor& x, const Tensor& gate) override {
    over_rows({view(x), view(gate)}, [&](const View* v) { kernels_.sigmoid_mul(v[0], v[1]); });
  }
  void snake(const Tensor& x, const Tensor& alpha, const Tensor& out) override {
    over_rows({view(x), view(out)},
              [&](const View* v) { kernels_.snake(v[0], row_data(alpha), v[1]); });
  }
  void add(const Tensor& x, const Tensor& to) override {
    over_rows({view(x), view(to)}, [&](const View* v) { kernels_.add_gated(v[0], nullptr, v[1]); });
  }
  void add_gated(const Tensor& x, const Tensor& gate, const Sequences& sequences,
                 const Tensor& to) override {
    over_sequences(sequences, {view(x), view(to)}, [&](size_t sequence, const View* v) {
      kernels_.add_gated(v[0], sequence_row(gate, sequence), v[1]);
    });
  }
  void scale(const Tensor& x, float factor) override {
    over_rows({view(x)}, [&](const View* v) { kernels_.scale(v[0], factor); });
  }

  void gather_rows(const Tensor& table, const Tensor& ids, const Tensor& out) override {
    const int32_t* index = ids.data_as<int32_t>();
    const size_t bytes = static_cast<size_t>(table.cols()) * dtype_size(table.dtype());
    for (int64_t r = 0; r < ids.rows(); ++r) {
      const int64_t id = index[r * ids.stride()];
      if (id < 0 || id >= table.rows()) {
        throw_internal("gather_rows: id " + std::to_string(id) + " of " +
                       std::to_string(table.rows()));
      }
      std::memcpy(out.row_range(r, 1).data(), table.row_range(id, 1).data(), bytes);
    }
  }
  void nearest_rows(const Tensor& x, const Tensor& table, const Tensor& ids) override {
    const Tensor turned(*this, allocate(static_cast<size_t>(table.size()) * sizeof(float)),
                        table.cols(), table.rows(), DType::kFloat32);
    for (int64_t r = 0; r < table.rows(); ++r) {
      for (int64_t c = 0; c < table.cols(); ++c) {
        turned.data_as<float>()[c * table.rows() + r] =
            table.data_as<float>()[r * table.stride() + c];
      }
    }
    const View candidates = view(turned);
    int32_t* result = ids.data_as<int32_t>();
    over_rows_indexed({view(x)}, [&](int64_t begin, const View* v) {
      kernels_.nearest(v[0], candidates, result + begin);
    });
  }
  void guided_step(const Tensor& x, const Tensor& v, const Tensor& v_text, const Tensor& v_speaker,
                   const GuidedStep& step) override {
    const View text = view(v_text), speaker = view(v_speaker);
    kernels_.guided_step(view(x), view(v), v_text.empty() ? nullptr : &text,
                         v_speaker.empty() ? nullptr : &speaker, step);
  }

 private:
  // A matrix of one output would leave fifteen sixteenths of its tiles idle.
  static bool in_tiles(int64_t out, DType precision) {
    return precision == DType::kBFloat16 && out > 1 && has_bfloat16_tiles();
  }
  // Likewise inputs that are fewer than half a tile.
  static bool convolves_in_tiles(const HostWeights& weights, DType precision) {
    return weights.in >= kTileInputs / 2 && in_tiles(weights.out, precision);
  }
  // Packed later, when the memory that it is packed from is kept so long.
  std::shared_ptr<PackedWeights> defer(const HostWeights& shape, DType dtype,
                                       DeferredWeights::Pack pack) {
    const auto weights = std::make_shared<DeferredWeights>(shape, dtype, std::move(pack));
    packer_.add(weights);
    return weights;
  }
  std::shared_ptr<PackedWeights> pack_int8_matrices(std::vector<HostWeights> parts) {
    HostWeights shape{nullptr, DType::kBFloat16, 0, parts[0].in};
    bool kept = true;
    for (const HostWeights& part : parts) {
      shape.out += part.out;
      kept = kept && part.owner && part.taps == 1 && part.in == shape.in && part.layout.empty();
    }
    if (!kept) return pack_int8(parts, arena_);
    return defer(shape, DType::kBFloat16,
                 [this, parts = std::move(parts)] { return pack_int8(parts, arena_); });
  }

  // OpenMP keeps the number per calling thread.
  void use_threads() const { omp_set_num_threads(threads_); }

  // f(a tensor for the result). oneDNN's float32 matmuls have float32 results only.
  template <class F>
  void through_result_type(const PackedWeights& w, bool accumulate, const Tensor& out, F f) {
    if (w.dtype() == DType::kBFloat16 || out.dtype() == DType::kFloat32) return f(out);
    const size_t bytes = static_cast<size_t>(out.size()) * sizeof(float);
    const Tensor wide(*this, allocate(bytes), out.rows(), out.cols(), DType::kFloat32);
    if (accumulate) copy(out, wide);
    f(wide);
    copy(wide, out);
  }

  static void copy_rows(const void* from, int64_t from_stride, void* to, int64_t to_stride,
                        const Tensor& shape) {
    const size_t element = dtype_size(shape.dtype());
    const size_t bytes = static_cast<size_t>(shape.cols()) * element;
    for (int64_t r = 0; r < shape.rows(); ++r) {
      std::memcpy(static_cast<char*>(to) + static_cast<size_t>(r * to_stride) * element,
                  static_cast<const char*>(from) + static_cast<size_t>(r * from_stride) * element,
                  bytes);
    }
  }

  static const float* sequence_row(const Tensor& values, size_t sequence) {
    return values.data_as<float>() +
           (values.rows() == 1 ? 0 : static_cast<int64_t>(sequence) * values.stride());
  }

  void unary(Unary op, const Tensor& x, const Tensor& out) {
    over_rows({view(x), view(out)}, [&](const View* v) { kernels_.unary(op, v[0], v[1]); });
  }

  // f(first row, views of those rows) on every thread; few elements stay on this one.
  template <size_t n, class F>
  void over_rows_indexed(const View (&views)[n], F f) const {
    const int64_t rows = views[0].rows;
    const int64_t elements = rows * views[0].cols;
    constexpr int64_t kMinElementsPerThread = 16384;
    const int64_t parts =
        elements < 2 * kMinElementsPerThread ? 1 : std::min<int64_t>(threads_, rows);
#pragma omp parallel for schedule(static) num_threads(parts) if (parts > 1)
    for (int64_t part = 0; part < parts; ++part) {
      const int64_t begin = rows * part / parts, end = rows * (part + 1) / parts;
      View mine[n];
      for (size_t i = 0; i < n; ++i) mine[i] = rows_of(views[i], begin, end - begin);
      f(begin, mine);
    }
  }
  template <size_t n, class F>
  void over_rows(const View (&views)[n], F f) const {
    over_rows_indexed(views, [&](int64_t, const View* v) { f(v); });
  }

  template <size_t n, class F>
  void over_sequences(const Sequences& sequences, const View (&views)[n], F f) const {
    int64_t begin = 0;
    for (size_t sequence = 0; sequence < sequences.size(); ++sequence) {
      View mine[n];
      for (size_t i = 0; i < n; ++i) mine[i] = rows_of(views[i], begin, sequences[sequence].rows);
      if (sequences[sequence].rows > 0) over_rows(mine, [&](const View* v) { f(sequence, v); });
      begin += sequences[sequence].rows;
    }
  }

  const Kernels& kernels_;
  const Int8Kernels* int8_;  // null: none
  MemoryPool pool_;
  WeightArena arena_;
  const int threads_;
  BackgroundPacker packer_;  // last: it packs into the arena
};

}  // namespace

std::unique_ptr<Backend> make_cpu_backend(const CpuOptions& options) {
  return std::make_unique<CpuBackend>(options);
}

}  // namespace echo::cpu
