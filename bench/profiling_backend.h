// A backend that passes everything on and keeps account of where time and arithmetic go.
#pragma once

#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tensor/forwarding_backend.h"

namespace echo::bench {

struct OperationCount {
  int64_t calls = 0;
  double seconds = 0;
  double flops = 0;  // multiplications and additions of matmuls; 0 for other operations
  double bytes = 0;  // that must at least be read and written
};

// Times are the device's own, between marks, or those of a clock of the host. Not thread safe. Tensors made through it must not
// outlive it.
class ProfilingBackend : public ForwardingBackend {
 public:
  // by_shape: matmuls of other shapes count as other operations. clock: seconds, or null for the
  // device's marks.
  explicit ProfilingBackend(Backend& inner, bool by_shape = false, double (*clock)() = nullptr)
      : ForwardingBackend(inner), by_shape_(by_shape), clock_(clock) {}

  // Since the last reset, by operation. Waits for the device.
  const std::map<std::string, OperationCount>& counts() const {
    for (const Pending& call : pending_) {
      counts_[call.operation].seconds += inner().seconds_between(*call.begin, *call.end);
    }
    pending_.clear();
    return counts_;
  }
  void reset() {
    pending_.clear();
    counts_.clear();
  }
  // Without it the calls are passed on, and that is all.
  void set_counting(bool on) { counting_ = on; }

  void upload(const void* host, const Tensor& to) override {
    timed("upload", 0, bytes_of({&to}), [&] { inner().upload(host, to); });
  }
  void copy(const Tensor& from, const Tensor& to) override {
    timed("copy", 0, bytes_of({&from, &to}), [&] { inner().copy(from, to); });
  }
  // Work that is counted is asked for anew; the rest is left to the backend.
  std::unique_ptr<RepeatedWork> make_repeated_work() override {
    return std::make_unique<CountedRepeatedWork>(*this, inner().make_repeated_work());
  }
  void fill_zero(const Tensor& x) override {
    timed("fill_zero", 0, bytes_of({&x}), [&] { inner().fill_zero(x); });
  }
  std::shared_ptr<PackedWeights> pack(const HostWeights& weights, int64_t stride, int64_t dilation,
                                      DType precision) override {
    std::shared_ptr<PackedWeights> packed;
    timed("pack", 0, 0, [&] { packed = inner().pack(weights, stride, dilation, precision); });
    return packed;
  }
  std::shared_ptr<PackedWeights> pack_stacked(std::span<const HostWeights> parts,
                                              DType precision) override {
    std::shared_ptr<PackedWeights> packed;
    timed("pack", 0, 0, [&] { packed = inner().pack_stacked(parts, precision); });
    return packed;
  }
  void linear(const Tensor& x, const PackedWeights& w, const Tensor& bias, bool accumulate,
              const Tensor& out) override {
    timed(product_name("linear", x, w), 2.0 * static_cast<double>(x.rows() * w.in() * w.out()),
          bytes_of({&x, &out}) + bytes_of(w), [&] { inner().linear(x, w, bias, accumulate, out); });
  }
  void conv1d(const Tensor& x, const PackedWeights& w, const Tensor& bias, bool accumulate,
              const Tensor& out) override {
    timed(product_name("conv1d", x, w),
          2.0 * static_cast<double>(out.rows() * w.in() * w.taps() * w.out()),
          bytes_of({&x, &out}) + bytes_of(w), [&] { inner().conv1d(x, w, bias, accumulate, out); });
  }
  void depthwise_conv1d(const Tensor& x, const Tensor& w, const Tensor& bias,
                        const Tensor& out) override {
    timed("depthwise_conv1d", 0, bytes_of({&x, &w, &out}),
          [&] { inner().depthwise_conv1d(x, w, bias, out); });
  }
  void rms_norm(const Tensor& x, const Tensor& weight, float eps, const Tensor& out) override {
    timed("rms_norm", 0, bytes_of({&x, &out}), [&] { inner().rms_norm(x, weight, eps, out); });
  }
  void layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, float eps,
                  const Tensor& out) override {
    timed("layer_norm", 0, bytes_of({&x, &out}),
          [&] { inner().layer_norm(x, weight, bias, eps, out); });
  }
  void modulate(const Tensor& x, const Tensor& shift, const Tensor& scale_row, float eps,
                const Sequences& sequences, const Tensor& out) override {
    timed("modulate", 0, bytes_of({&x, &out}),
          [&] { inner().modulate(x, shift, scale_row, eps, sequences, out); });
  }
  void head_norm_rotary(const Tensor& x, const Tensor& weight, float eps, const Tensor& rotary,
                        int64_t heads, int64_t rotated_heads, int64_t position_step,
                        const Sequences& sequences) override {
    timed("head_norm_rotary", 0, bytes_of({&x, &x}), [&] {
      inner().head_norm_rotary(x, weight, eps, rotary, heads, rotated_heads, position_step,
                               sequences);
    });
  }
  void attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionShape& shape,
                 const Sequences& sequences, std::span<const Sections> sections,
                 const Tensor& out) override {
    double flops = 0, bytes = bytes_of({&q, &k, &v, &out});
    for (size_t sequence = 0; sequence < sequences.size(); ++sequence) {
      int64_t keys = sequences[sequence].rows;
      if (!sections.empty()) {
        for (const KeyValueSection& section : sections[sequence]) {
          keys += section.k.rows();
          bytes += bytes_of({&section.k, &section.v});
        }
      }
      flops += 4.0 * static_cast<double>(sequences[sequence].rows * keys * q.cols());
    }
    timed("attention", flops, bytes,
          [&] { inner().attention(q, k, v, shape, sequences, sections, out); });
  }
  void silu(const Tensor& x, const Tensor& out) override {
    timed("silu", 0, bytes_of({&x, &out}), [&] { inner().silu(x, out); });
  }
  void gelu(const Tensor& x, const Tensor& out) override {
    timed("gelu", 0, bytes_of({&x, &out}), [&] { inner().gelu(x, out); });
  }
  void tanh(const Tensor& x, const Tensor& out) override {
    timed("tanh", 0, bytes_of({&x, &out}), [&] { inner().tanh(x, out); });
  }
  void silu_mul(const Tensor& a, const Tensor& b, const Tensor& out) override {
    timed("silu_mul", 0, bytes_of({&a, &b, &out}), [&] { inner().silu_mul(a, b, out); });
  }
  void sigmoid_mul(const Tensor& x, const Tensor& gate) override {
    timed("sigmoid_mul", 0, bytes_of({&x, &x, &gate}), [&] { inner().sigmoid_mul(x, gate); });
  }
  void snake(const Tensor& x, const Tensor& alpha, const Tensor& out) override {
    timed("snake", 0, bytes_of({&x, &out}), [&] { inner().snake(x, alpha, out); });
  }
  void add(const Tensor& x, const Tensor& to) override {
    timed("add", 0, bytes_of({&x, &to, &to}), [&] { inner().add(x, to); });
  }
  void add_gated(const Tensor& x, const Tensor& gate, const Sequences& sequences,
                 const Tensor& to) override {
    timed("add_gated", 0, bytes_of({&x, &to, &to}),
          [&] { inner().add_gated(x, gate, sequences, to); });
  }
  void scale(const Tensor& x, float factor) override {
    timed("scale", 0, bytes_of({&x, &x}), [&] { inner().scale(x, factor); });
  }
  void gather_rows(const Tensor& table, const Tensor& ids, const Tensor& out) override {
    timed("gather_rows", 0, bytes_of({&out, &out}), [&] { inner().gather_rows(table, ids, out); });
  }
  void nearest_rows(const Tensor& x, const Tensor& table, const Tensor& ids) override {
    timed("nearest_rows", 0, bytes_of({&x, &table}), [&] { inner().nearest_rows(x, table, ids); });
  }
  void guided_step(const Tensor& x, const Tensor& v, const Tensor& v_text, const Tensor& v_speaker,
                   const GuidedStep& step) override {
    timed("guided_step", 0, bytes_of({&x, &x, &v, &v_text, &v_speaker}),
          [&] { inner().guided_step(x, v, v_text, v_speaker, step); });
  }

 private:
  class CountedRepeatedWork : public RepeatedWork {
   public:
    CountedRepeatedWork(const ProfilingBackend& backend, std::unique_ptr<RepeatedWork> inner)
        : backend_(backend), inner_(std::move(inner)) {}
    Tensor run(const WorkKey& key, std::span<const Tensor> inputs, const Work& work) override {
      return backend_.counting_ ? work(inputs) : inner_->run(key, inputs, work);
    }

   private:
    const ProfilingBackend& backend_;
    std::unique_ptr<RepeatedWork> inner_;
  };

  static double bytes_of(std::initializer_list<const Tensor*> tensors) {
    double bytes = 0;
    for (const Tensor* x : tensors) {
      bytes += static_cast<double>(x->size()) * static_cast<double>(dtype_size(x->dtype()));
    }
    return bytes;
  }
  static double bytes_of(const PackedWeights& w) {
    return static_cast<double>(w.out() * w.in() * w.taps()) *
           static_cast<double>(dtype_size(w.dtype()));
  }
  std::string product_name(const char* operation, const Tensor& x, const PackedWeights& w) const {
    if (!by_shape_) return operation;
    std::string name = std::string(operation) + " " + std::to_string(x.rows()) + "x" +
                       std::to_string(w.in()) + "x" + std::to_string(w.out());
    if (w.taps() > 1) {
      name += " taps " + std::to_string(w.taps()) + "/" + std::to_string(w.stride()) + "/" +
              std::to_string(w.dilation());
    }
    return name;
  }

  template <class F>
  void timed(const std::string& operation, double flops, double bytes, F f) {
    if (!counting_) return f();
    OperationCount& count = counts_[operation];
    ++count.calls;
    count.flops += flops;
    count.bytes += bytes;
    if (clock_) {
      const double begin = clock_();
      f();
      count.seconds += clock_() - begin;
      return;
    }
    Pending call{operation, inner().mark(), nullptr};
    f();
    call.end = inner().mark();
    pending_.push_back(std::move(call));
  }

  struct Pending {
    std::string operation;
    std::shared_ptr<TimeMark> begin, end;
  };

  const bool by_shape_;
  double (*const clock_)();
  bool counting_ = true;
  mutable std::map<std::string, OperationCount> counts_;
  mutable std::vector<Pending> pending_;
};

}  // namespace echo::bench
