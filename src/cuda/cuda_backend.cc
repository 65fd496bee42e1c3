#include "cuda/cuda_backend.h"

#include <algorithm>
#include <string>
#include <vector>

#include "cuda/attention_tables.h"
#include "cuda/batch_width.h"
#include "cuda/captured_graph.h"
#include "cuda/cublas_matmuls.h"
#include "cuda/handles.h"
#include "cuda/kernels.h"
#include "cuda/memory_pool.h"
#include "cuda/quantized_matmuls.h"
#include "cuda/staging.h"
#include "cuda/weights.h"

namespace echo::cuda {
namespace {

cudaDeviceProp properties_of(int device) {
  cudaDeviceProp properties;
  check(cudaGetDeviceProperties(&properties, device), "asking for the device's properties");
  return properties;
}

// All that the speed of an algorithm depends on.
std::string identity_of(const cudaDeviceProp& device) {
  int driver = 0;
  check(cudaDriverGetVersion(&driver), "asking for the driver's version");
  return std::string(device.name) + " sm " + std::to_string(device.major) +
         std::to_string(device.minor) + " x" + std::to_string(device.multiProcessorCount) +
         " driver " + std::to_string(driver);
}

// "NVIDIA H100 80GB HBM3, compute capability 9.0, ...".
std::string description_of(const cudaDeviceProp& device, int index) {
  const auto attribute = [&](cudaDeviceAttr name) {
    int value = 0;
    check(cudaDeviceGetAttribute(&value, name, index), "asking for the device's attributes");
    return value;
  };
  int driver = 0;
  check(cudaDriverGetVersion(&driver), "asking for the driver's version");
  constexpr int kKiloHertz = 1000;  // in a megahertz
  return std::string(device.name) + ", compute capability " + std::to_string(device.major) + "." +
         std::to_string(device.minor) + ", " + std::to_string(device.multiProcessorCount) +
         " multiprocessors, " + std::to_string(device.totalGlobalMem >> 20) + " MiB, up to " +
         std::to_string(attribute(cudaDevAttrClockRate) / kKiloHertz) + " MHz, memory " +
         std::to_string(attribute(cudaDevAttrMemoryClockRate) / kKiloHertz) +
         " MHz, driver for CUDA " + std::to_string(driver / 1000) + "." +
         std::to_string(driver % 1000 / 10) + ", cuBLASLt " + std::to_string(cublasLtGetVersion());
}

struct EventMark : TimeMark {
  Event event = make_event(cudaEventBlockingSync);  // who waits leaves the processor to others
};

class CudaBackend : public Backend, public RecordingDevice {
 public:
  explicit CudaBackend(const CudaOptions& options)
      : options_(options),
        properties_((use_device(options.device), properties_of(options.device))),
        stream_(make_stream()),
        pool_(options.memory_limit),
        matmuls_(pool_, options.algorithm_folder, identity_of(properties_), options.measure,
                 options.notice),
        quantized_(pool_, matmuls_, options.measure) {}

  std::string name() const override { return "cuda"; }
  std::string description() const override { return description_of(properties_, options_.device); }
  MemoryUse memory() const override {
    const MemoryPool::Statistics pool = pool_.statistics();
    return {pool.used_bytes, pool.held_bytes, pool.held_bytes};  // none is given back
  }
  uint64_t memory_limit() const override { return free_bytes() + pool_.statistics().held_bytes; }
  std::shared_ptr<TimeMark> mark() override {
    require_no_recording("mark");
    const cudaStream_t on = stream();
    auto made = std::make_shared<EventMark>();
    check(cudaEventRecord(made->event.get(), on), "marking a moment");
    return made;
  }
  void wait(const TimeMark& mark) const override {
    stream();
    check(cudaEventSynchronize(dynamic_cast<const EventMark&>(mark).event.get()),
          "waiting for a moment");
  }
  double seconds_between(const TimeMark& begin, const TimeMark& end) const override {
    stream();
    const auto& first = dynamic_cast<const EventMark&>(begin);
    const auto& last = dynamic_cast<const EventMark&>(end);
    check(cudaEventSynchronize(last.event.get()), "waiting for a moment");
    float milliseconds = 0;
    check(cudaEventElapsedTime(&milliseconds, first.event.get(), last.event.get()), "timing");
    return double{milliseconds} / 1e3;
  }
  bool packs(DType quantized) const override {
    constexpr int kMinForFloat8 = 89;
    return quantized == DType::kInt8 ||
           (quantized == DType::kFloat8 &&
            10 * properties_.major + properties_.minor >= kMinForFloat8);
  }
  DType compute_dtype(DType wanted) const override { return wanted; }
  int64_t batch_width() const override {
    if (batch_width_ == 0) batch_width_ = choose_batch_width();
    return batch_width_;
  }

  std::shared_ptr<Buffer> allocate(size_t bytes) override {
    stream();
    return pool_.allocate(bytes);
  }
  void upload(const void* host, const Tensor& to) override {
    require_no_recording("upload");
    staging_.upload(host, view(to), stream());
  }
  void download(const Tensor& from, void* host) const override {
    require_no_recording("download");
    staging_.download(view(from), host, stream());
  }
  void copy(const Tensor& from, const Tensor& to) override {
    cuda::copy(view(from), view(to), stream());
  }
  void fill_zero(const Tensor& x) override { cuda::fill_zero(view(x), stream()); }

  std::unique_ptr<RepeatedWork> make_repeated_work() override {
    return std::make_unique<CapturedGraph>(*this, *this, pool_);
  }

  std::shared_ptr<PackedWeights> pack(const HostWeights& weights, int64_t stride, int64_t dilation,
                                      DType precision) override {
    return pack_parts(std::span(&weights, 1), stride, dilation, precision);
  }
  bool stacks_matrices(DType) const override { return true; }
  std::shared_ptr<PackedWeights> pack_stacked(std::span<const HostWeights> parts,
                                              DType precision) override {
    return pack_parts(parts, 1, 1, precision);
  }
  void linear(const Tensor& x, const PackedWeights& w, const Tensor& bias, bool accumulate,
              const Tensor& out) override {
    if (const auto* quantized = dynamic_cast<const QuantizedWeights*>(&w)) {
      return quantized_.multiply(view(x), *quantized, row_data(bias), accumulate, view(out),
                                 stream());
    }
    const auto& dense = dynamic_cast<const DenseWeights&>(w);
    multiply({view(x), dense.view(), row_data(bias), accumulate, view(out)});
  }
  void conv1d(const Tensor& x, const PackedWeights& w, const Tensor& bias, bool accumulate,
              const Tensor& out) override {
    const auto& dense = dynamic_cast<const DenseWeights&>(w);
    if (w.taps() == 1 || (w.taps() == w.stride() && w.dilation() == 1 && x.contiguous())) {
      // A matmul: the taps of an output lie one behind the other and are not shared.
      const View rows{x.data(), out.rows(), w.taps() * w.in(), w.stride() * x.stride(), x.dtype()};
      return multiply({rows, dense.view(), row_data(bias), accumulate, view(out)});
    }
    Convolution convolution;
    convolution.w = dense.view();
    convolution.bias = row_data(bias);
    convolution.taps = static_cast<int>(w.taps());
    convolution.stride = static_cast<int>(w.stride());
    convolution.dilation = static_cast<int>(w.dilation());
    convolution.accumulate = accumulate;
    cuda::conv1d(view(x), convolution, view(out), stream());
  }
  void depthwise_conv1d(const Tensor& x, const Tensor& w, const Tensor& bias,
                        const Tensor& out) override {
    cuda::depthwise_conv1d(view(x), view(w), row_data(bias), view(out), stream());
  }

  void rms_norm(const Tensor& x, const Tensor& weight, float eps, const Tensor& out) override {
    cuda::rms_norm(view(x), row_data(weight), eps, view(out), stream());
  }
  void layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, float eps,
                  const Tensor& out) override {
    cuda::layer_norm(view(x), row_data(weight), row_data(bias), eps, view(out), stream());
  }
  void modulate(const Tensor& x, const Tensor& shift, const Tensor& scale, float eps,
                const Sequences& sequences, const Tensor& out) override {
    for_each_sequence_table(
        sequences, [&](const SequenceTable& table, int64_t sequence, int64_t row) {
          cuda::modulate(sequence_rows(x, table, row), per_sequence(shift, table, sequence),
                         per_sequence(scale, table, sequence), eps, table,
                         sequence_rows(out, table, row), stream());
        });
  }
  void head_norm_rotary(const Tensor& x, const Tensor& weight, float eps, const Tensor& rotary,
                        int64_t heads, int64_t rotated_heads, int64_t position_step,
                        const Sequences& sequences) override {
    HeadNormRotary norm;
    norm.weight = row_data(weight);
    norm.eps = eps;
    norm.rotary = row_data(rotary);
    norm.heads = static_cast<int>(heads);
    norm.rotated_heads = static_cast<int>(rotated_heads);
    norm.position_step = static_cast<int>(position_step);
    for_each_sequence_table(sequences, [&](const SequenceTable& table, int64_t, int64_t row) {
      cuda::head_norm_rotary(sequence_rows(x, table, row), norm, table, stream());
    });
  }
  void attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionShape& shape,
                 const Sequences& sequences, std::span<const Sections> sections,
                 const Tensor& out) override {
    const AttentionCall call{view(q),
                             view(out),
                             static_cast<int>(shape.heads),
                             shape.causal,
                             static_cast<int>(shape.window),
                             properties_.sharedMemPerMultiprocessor};
    for (const AttentionTable& table : attention_tables(q, k, v, sequences, sections)) {
      cuda::attention(call, table, stream());
    }
  }

  void silu(const Tensor& x, const Tensor& out) override {
    cuda::silu(view(x), view(out), stream());
  }
  void gelu(const Tensor& x, const Tensor& out) override {
    cuda::gelu(view(x), view(out), stream());
  }
  void tanh(const Tensor& x, const Tensor& out) override {
    cuda::tanh(view(x), view(out), stream());
  }
  void silu_mul(const Tensor& a, const Tensor& b, const Tensor& out) override {
    cuda::silu_mul(view(a), view(b), view(out), stream());
  }
  void sigmoid_mul(const Tensor& x, const Tensor& gate) override {
    cuda::sigmoid_mul(view(x), view(gate), stream());
  }
  void snake(const Tensor& x, const Tensor& alpha, const Tensor& out) override {
    cuda::snake(view(x), row_data(alpha), view(out), stream());
  }
  void add(const Tensor& x, const Tensor& to) override { cuda::add(view(x), view(to), stream()); }
  void add_gated(const Tensor& x, const Tensor& gate, const Sequences& sequences,
                 const Tensor& to) override {
    for_each_sequence_table(
        sequences, [&](const SequenceTable& table, int64_t sequence, int64_t row) {
          cuda::add_gated(sequence_rows(x, table, row), per_sequence(gate, table, sequence), table,
                          sequence_rows(to, table, row), stream());
        });
  }
  void scale(const Tensor& x, float factor) override { cuda::scale(view(x), factor, stream()); }

  void gather_rows(const Tensor& table, const Tensor& ids, const Tensor& out) override {
    cuda::gather_rows(view(table), view(ids), view(out), stream());
  }
  void nearest_rows(const Tensor& x, const Tensor& table, const Tensor& ids) override {
    cuda::nearest_rows(view(x), view(table), view(ids), stream());
  }
  void guided_step(const Tensor& x, const Tensor& v, const Tensor& v_text, const Tensor& v_speaker,
                   const GuidedStep& step) override {
    cuda::guided_step(view(x), view(v), view(v_text), view(v_speaker), step, stream());
  }

 private:
  // The calling thread's current device is a property of the thread.
  static void use_device(int device) { check(cudaSetDevice(device), "choosing the device"); }
  cudaStream_t stream() const override {
    require_healthy();
    use_device(options_.device);
    return stream_.get();
  }

  void set_recording(bool recording) override {
    recording_ = recording;
    matmuls_.set_may_measure(!recording);
    quantized_.set_may_measure(!recording);
  }
  void require_no_recording(const char* operation) const {
    if (recording_) throw_internal(std::string(operation) + ": within work that is recorded");
  }

  // Each part goes to the device from where it lies, in the type that it has there.
  std::shared_ptr<PackedWeights> pack_parts(std::span<const HostWeights> parts, int64_t stride,
                                            int64_t dilation, DType precision) {
    HostWeights whole = parts[0];
    whole.out = 0;
    for (const HostWeights& part : parts) whole.out += part.out;
    if (precision == DType::kInt8 || precision == DType::kFloat8) {
      if (!QuantizedMatmuls::can_pack(whole, precision)) {
        return pack_parts(parts, stride, dilation, DType::kBFloat16);
      }
      std::vector<Tensor> raw;
      std::vector<View> views;
      for (const HostWeights& part : parts) {
        raw.push_back(make(part.out, part.in, part.dtype));
        upload(part.data, raw.back());
        views.push_back(view(raw.back()));
      }
      return quantized_.pack(whole, views, precision, stream());
    }
    const Tensor packed = make(whole.out, whole.taps * whole.in, precision);
    int64_t row = 0;
    for (const HostWeights& part : parts) {
      upload_weights(part, packed.row_range(row, part.out));
      row += part.out;
    }
    return std::make_shared<DenseWeights>(whole, stride, dilation, packed);
  }
  void upload_weights(const HostWeights& weights, const Tensor& to) {
    if (weights.taps == 1 && weights.dtype == to.dtype()) return upload(weights.data, to);
    const Tensor raw = make(to.rows(), to.cols(), weights.dtype);
    upload(weights.data, raw);
    pack_weights(raw.data(), raw.dtype(), weights.taps, view(to), stream());
  }

  Tensor make(int64_t rows, int64_t cols, DType dtype) {
    const size_t bytes = static_cast<size_t>(rows * cols) * dtype_size(dtype);
    return Tensor(*this, allocate(bytes), rows, cols, dtype);
  }
  static View sequence_rows(const Tensor& x, const SequenceTable& table, int64_t first_row) {
    return rows_of(view(x), first_row, table.begin[table.count]);
  }
  static View per_sequence(const Tensor& x, const SequenceTable& table, int64_t first_sequence) {
    return x.rows() == 1 ? view(x) : rows_of(view(x), first_sequence, table.count);
  }

  void multiply(const Matmul& m) {
    const bool needs_float32 = m.x.dtype == DType::kFloat32 || m.bias;
    if (m.out.dtype == DType::kFloat32 || !needs_float32) return multiply_into(m);
    // The library adds float32 biases to float32 results only, and rounding twice would show.
    const Tensor wide = make(m.out.rows, m.out.cols, DType::kFloat32);
    multiply_into({m.x, m.w, nullptr, false, view(wide)});
    add_bias(view(wide), m.bias, m.accumulate, m.out, stream());
  }
  void multiply_into(const Matmul& m) {
    if (matmuls_.multiply(m, stream())) return;
    matmul(m.x, m.w, m.bias, m.accumulate, m.out, stream());
  }

  int64_t choose_batch_width() const {
    if (options_.batch_width > 0) return options_.batch_width;
    const MemoryPool::Statistics pool = pool_.statistics();
    const int64_t most = batch_width_for(free_bytes() + pool.held_bytes - pool.used_bytes);
    if (!options_.measure || most == 1) return most;
    // What is slower than any GPU (tests emulate one) would take minutes to measure.
    constexpr double kMaxProbeSeconds = 1e-3;
    if (seconds_of_matmul(64, 512, 512) > kMaxProbeSeconds) return 1;
    return measured_batch_width(most, [this](int64_t rows) {
      return seconds_of_matmul(rows, 5888, 2048);  // of the transformer's published sizes
    });
  }
  // What the pool may still take.
  size_t free_bytes() const {
    stream();
    size_t free = 0, total = 0;
    check(cudaMemGetInfo(&free, &total), "asking for the free memory");
    if (options_.memory_limit == 0) return free;
    const size_t held = pool_.statistics().held_bytes;
    return std::min(free, options_.memory_limit - std::min(options_.memory_limit, held));
  }
  double seconds_of_matmul(int64_t rows, int64_t outputs, int64_t depth) const {
    constexpr int kRuns = 4;
    const WorkMemory memory(pool_);
    std::vector<std::shared_ptr<Buffer>> buffers;
    const auto zeros = [&](int64_t count, int64_t width) {
      buffers.push_back(pool_.allocate(static_cast<size_t>(count * width) * sizeof(BFloat16)));
      const View x{buffers.back()->data(), count, width, width, DType::kBFloat16};
      cuda::fill_zero(x, stream());
      return x;
    };
    const Matmul m{zeros(rows, depth), zeros(outputs, depth), nullptr, false, zeros(rows, outputs)};
    const EventMark begin, end;
    for (int i = -1; i < kRuns; ++i) {
      if (i == 0) check(cudaEventRecord(begin.event.get(), stream()), "timing");
      matmuls_.multiply(m, stream());
    }
    check(cudaEventRecord(end.event.get(), stream()), "timing");
    return seconds_between(begin, end) / kRuns;
  }

  const CudaOptions options_;
  const cudaDeviceProp properties_;
  const Stream stream_;
  // What first questions measure with, too.
  mutable MemoryPool pool_;
  mutable Staging staging_;
  mutable CublasMatmuls matmuls_;
  QuantizedMatmuls quantized_;
  mutable int64_t batch_width_ = 0;  // not known yet
  bool recording_ = false;
};

}  // namespace

std::unique_ptr<Backend> make_cuda_backend(const CudaOptions& options) {
  return std::make_unique<CudaBackend>(options);
}

}  // namespace echo::cuda
