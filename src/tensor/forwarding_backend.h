// A backend that passes everything on, for tests that change one thing.
#pragma once

#include <memory>
#include <utility>

#include "tensor/backend.h"

namespace echo {

class ForwardingBackend : public Backend {
 public:
  // `inner` must outlive this.
  explicit ForwardingBackend(Backend& inner) : inner_(&inner) {}
  explicit ForwardingBackend(std::unique_ptr<Backend> inner)
      : owned_(std::move(inner)), inner_(owned_.get()) {}

  std::string name() const override { return inner_->name(); }
  std::string description() const override { return inner_->description(); }
  MemoryUse memory() const override { return inner_->memory(); }
  std::shared_ptr<TimeMark> mark() override { return inner_->mark(); }
  void wait(const TimeMark& mark) const override { inner_->wait(mark); }
  double seconds_between(const TimeMark& begin, const TimeMark& end) const override {
    return inner_->seconds_between(begin, end);
  }
  uint64_t memory_limit() const override { return inner_->memory_limit(); }
  DType compute_dtype(DType wanted) const override { return inner_->compute_dtype(wanted); }
  bool packs(DType quantized) const override { return inner_->packs(quantized); }
  int64_t batch_width() const override { return inner_->batch_width(); }
  std::shared_ptr<Buffer> allocate(size_t bytes) override { return inner_->allocate(bytes); }
  void upload(const void* host, const Tensor& to) override { inner_->upload(host, to); }
  void download(const Tensor& from, void* host) const override { inner_->download(from, host); }
  void copy(const Tensor& from, const Tensor& to) override { inner_->copy(from, to); }
  void fill_zero(const Tensor& x) override { inner_->fill_zero(x); }
  std::shared_ptr<PackedWeights> pack(const HostWeights& weights, int64_t stride, int64_t dilation,
                                      DType precision) override {
    return inner_->pack(weights, stride, dilation, precision);
  }
  bool stacks_matrices(DType precision) const override {
    return inner_->stacks_matrices(precision);
  }
  std::shared_ptr<PackedWeights> pack_stacked(std::span<const HostWeights> parts,
                                              DType precision) override {
    return inner_->pack_stacked(parts, precision);
  }
  void linear(const Tensor& x, const PackedWeights& w, const Tensor& bias, bool accumulate,
              const Tensor& out) override {
    inner_->linear(x, w, bias, accumulate, out);
  }
  void conv1d(const Tensor& x, const PackedWeights& w, const Tensor& bias, bool accumulate,
              const Tensor& out) override {
    inner_->conv1d(x, w, bias, accumulate, out);
  }
  void depthwise_conv1d(const Tensor& x, const Tensor& w, const Tensor& bias,
                        const Tensor& out) override {
    inner_->depthwise_conv1d(x, w, bias, out);
  }
  void rms_norm(const Tensor& x, const Tensor& weight, float eps, const Tensor& out) override {
    inner_->rms_norm(x, weight, eps, out);
  }
  void layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, float eps,
                  const Tensor& out) override {
    inner_->layer_norm(x, weight, bias, eps, out);
  }
  void modulate(const Tensor& x, const Tensor& shift, const Tensor& scale, float eps,
                const Sequences& sequences, const Tensor& out) override {
    inner_->modulate(x, shift, scale, eps, sequences, out);
  }
  void head_norm_rotary(const Tensor& x, const Tensor& weight, float eps, const Tensor& rotary,
                        int64_t heads, int64_t rotated_heads, int64_t position_step,
                        const Sequences& sequences) override {
    inner_->head_norm_rotary(x, weight, eps, rotary, heads, rotated_heads, position_step,
                             sequences);
  }
  void attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionShape& shape,
                 const Sequences& sequences, std::span<const Sections> sections,
                 const Tensor& out) override {
    inner_->attention(q, k, v, shape, sequences, sections, out);
  }
  void silu(const Tensor& x, const Tensor& out) override { inner_->silu(x, out); }
  void gelu(const Tensor& x, const Tensor& out) override { inner_->gelu(x, out); }
  void tanh(const Tensor& x, const Tensor& out) override { inner_->tanh(x, out); }
  void silu_mul(const Tensor& a, const Tensor& b, const Tensor& out) override {
    inner_->silu_mul(a, b, out);
  }
  void sigmoid_mul(const Tensor& x, const Tensor& gate) override { inner_->sigmoid_mul(x, gate); }
  void snake(const Tensor& x, const Tensor& alpha, const Tensor& out) override {
    inner_->snake(x, alpha, out);
  }
  void add(const Tensor& x, const Tensor& to) override { inner_->add(x, to); }
  void add_gated(const Tensor& x, const Tensor& gate, const Sequences& sequences,
                 const Tensor& to) override {
    inner_->add_gated(x, gate, sequences, to);
  }
  void scale(const Tensor& x, float factor) override { inner_->scale(x, factor); }
  void gather_rows(const Tensor& table, const Tensor& ids, const Tensor& out) override {
    inner_->gather_rows(table, ids, out);
  }
  void nearest_rows(const Tensor& x, const Tensor& table, const Tensor& ids) override {
    inner_->nearest_rows(x, table, ids);
  }
  void guided_step(const Tensor& x, const Tensor& v, const Tensor& v_text, const Tensor& v_speaker,
                   const GuidedStep& step) override {
    inner_->guided_step(x, v, v_text, v_speaker, step);
  }

 protected:
  Backend& inner() const { return *inner_; }

 private:
  std::unique_ptr<Backend> owned_;
  Backend* inner_;
};

}  // namespace echo
