// What a device must be able to do. Models call tensor/ops.h, which checks shapes and allocates; a
// backend only computes. One thread at a time; throws kUnavailable without memory, else kInternal.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tensor/tensor.h"

namespace echo {

// A matrix or convolution kernel on the host, rows of `inner` contiguous elements:
// out x in for a matrix, out x in x taps for a convolution. float32 or bfloat16.
struct HostWeights {
  const void* data = nullptr;
  DType dtype = DType::kFloat32;
  int64_t out = 0;
  int64_t in = 0;
  int64_t taps = 1;
  // Not empty: a matrix that lies as Backend::packed_layout() says, to be used in place; `owner`
  // keeps the data.
  std::string_view layout = {};
  std::shared_ptr<const void> owner = {};
};

// Weights in the layout and precision that the backend multiplies fastest. Read-only after making.
class PackedWeights {
 public:
  virtual ~PackedWeights() = default;
  int64_t out() const { return out_; }
  int64_t in() const { return in_; }
  int64_t taps() const { return taps_; }
  int64_t stride() const { return stride_; }
  int64_t dilation() const { return dilation_; }
  // The type that inputs must have.
  DType dtype() const { return dtype_; }

 protected:
  PackedWeights(const HostWeights& weights, int64_t stride, int64_t dilation, DType dtype)
      : out_(weights.out),
        in_(weights.in),
        taps_(weights.taps),
        stride_(stride),
        dilation_(dilation),
        dtype_(dtype) {}

 private:
  int64_t out_, in_, taps_, stride_, dilation_;
  DType dtype_;
};

// One of several sequences whose rows are stacked in one tensor.
struct Sequence {
  int64_t rows = 0;
  int64_t first_position = 0;  // of the rotary embedding
};
using Sequences = std::vector<Sequence>;

// Keys and values that a sequence sees beside its own. Rows that are masked are left out of k and
// v.
struct KeyValueSection {
  Tensor k, v;         // (T, heads * head_dim)
  float scale = 1.0f;  // multiplies k and v
};
using Sections = std::vector<KeyValueSection>;

struct AttentionShape {
  int64_t heads = 1;
  bool causal = false;
  int64_t window = 0;  // with causal: key visible when 0 <= query - key < window; 0: no limit
};

// One Euler step of a guided trajectory; all tensors float32.
struct GuidedStep {
  float t = 0, t_next = 0;
  float cfg_scale_text = 0, cfg_scale_speaker = 0;
  bool rescale = false;  // temporal score rescaling with k and sigma
  float rescale_k = 1, rescale_sigma = 1;
};

// A moment in a device's work: everything asked for before it is done by then.
class TimeMark {
 public:
  virtual ~TimeMark() = default;
};

// Bytes of a device's memory. Zeros where nobody counts.
struct MemoryUse {
  size_t in_use = 0;  // by tensors and weights
  size_t held = 0;    // taken from the system, for reuse too
  size_t most = 0;    // of held, so far
};

// What repeated work depends on beside its inputs: lengths, and addresses and scales of the tensors
// that it reads, in the caller's order.
using WorkKey = std::vector<uint64_t>;

// Runs the same work again and again. One belongs to whatever the work belongs to, such as a model,
// and must not outlive the backend.
class RepeatedWork {
 public:
  using Work = std::function<Tensor(std::span<const Tensor> inputs)>;
  virtual ~RepeatedWork() = default;
  // Returns work(inputs). The work asks the backend for operations and memory, copies nothing from
  // or to the host, and returns memory of its own. With an equal key and inputs of equal shapes it
  // must ask for the same operations on the same memory but for the inputs': a backend may then
  // repeat what it recorded instead of calling it.
  virtual Tensor run(const WorkKey& key, std::span<const Tensor> inputs, const Work& work) = 0;
};

class Backend {
 public:
  virtual ~Backend() = default;
  virtual std::string name() const = 0;  // "cpu", "cuda"
  // Returns the device as found, in one line, for reports.
  virtual std::string description() const { return name(); }
  virtual MemoryUse memory() const { return {}; }  // any thread may ask
  // Returns a mark of this moment on the device's own clock; does not wait for the device.
  virtual std::shared_ptr<TimeMark> mark();
  // Waits until the device has come to a mark that this backend made.
  virtual void wait(const TimeMark& mark) const;
  // Waits until the device has come to both marks, and returns the time between them.
  virtual double seconds_between(const TimeMark& begin, const TimeMark& end) const;
  // Returns how many bytes of the device's memory the process may take in all; 0: not known.
  virtual uint64_t memory_limit() const { return 0; }
  // Returns the precision in which matrices of the wanted type are multiplied here: float32 for
  // bfloat16 where the device has no fast bfloat16.
  virtual DType compute_dtype(DType wanted) const = 0;
  // Returns whether pack() can keep matrices in this type of 8 bits: kInt8 with a scale for each
  // output, kFloat8. Inputs are then bfloat16; a backend may quantize each row of them likewise.
  // The default keeps none.
  virtual bool packs(DType quantized) const { return false; }
  // Returns how many trajectories gain from advancing together.
  virtual int64_t batch_width() const = 0;

  virtual std::shared_ptr<Buffer> allocate(size_t bytes) = 0;
  virtual void upload(const void* host, const Tensor& to) = 0;      // contiguous host elements
  virtual void download(const Tensor& from, void* host) const = 0;  // waits for the device
  virtual void copy(const Tensor& from, const Tensor& to) = 0;      // converts between float types
  virtual void fill_zero(const Tensor& x) = 0;

  // Returns what runs a model's passes; that of the default calls the work each time.
  virtual std::unique_ptr<RepeatedWork> make_repeated_work();

  // Returns the layout, as BlockedLayout::text(), in which pack() keeps a matrix and can use a
  // stored copy of it in place; empty when it cannot.
  virtual std::string packed_layout(int64_t out, int64_t in, DType precision) const { return {}; }
  // Returns the stored form of a matrix that has such a layout.
  virtual std::span<const std::byte> packed_bytes(const PackedWeights& weights) const { return {}; }

  // Returns weights that linear() and conv1d() take. Reads `weights` during the call only, unless
  // it has a layout. precision: float32, bfloat16, or, for matrices, what packs() affirms.
  virtual std::shared_ptr<PackedWeights> pack(const HostWeights& weights, int64_t stride,
                                              int64_t dilation, DType precision) = 0;
  // Returns whether one wide matmul of matrices kept in this type is faster here than several of
  // the same input; they should then be packed together.
  virtual bool stacks_matrices(DType precision) const { return false; }
  // Returns one matrix of the parts' outputs, one part behind the other. Parts have the same `in`,
  // one tap, no layout, and types of their own. Only where stacks_matrices(precision).
  virtual std::shared_ptr<PackedWeights> pack_stacked(std::span<const HostWeights> parts,
                                                      DType precision);
  // out = x w^T + bias (+ out). bias may be empty.
  virtual void linear(const Tensor& x, const PackedWeights& w, const Tensor& bias, bool accumulate,
                      const Tensor& out) = 0;
  // out[t] = bias + sum_j w[:, :, j] x[t * stride + j * dilation] (+ out[t]); no padding.
  virtual void conv1d(const Tensor& x, const PackedWeights& w, const Tensor& bias, bool accumulate,
                      const Tensor& out) = 0;
  virtual void depthwise_conv1d(const Tensor& x, const Tensor& w, const Tensor& bias,
                                const Tensor& out) = 0;

  virtual void rms_norm(const Tensor& x, const Tensor& weight, float eps, const Tensor& out) = 0;
  virtual void layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, float eps,
                          const Tensor& out) = 0;
  virtual void modulate(const Tensor& x, const Tensor& shift, const Tensor& scale, float eps,
                        const Sequences& sequences, const Tensor& out) = 0;
  virtual void head_norm_rotary(const Tensor& x, const Tensor& weight, float eps,
                                const Tensor& rotary, int64_t heads, int64_t rotated_heads,
                                int64_t position_step, const Sequences& sequences) = 0;
  // With one sequence, k and v may begin with rows before those of q.
  virtual void attention(const Tensor& q, const Tensor& k, const Tensor& v,
                         const AttentionShape& shape, const Sequences& sequences,
                         std::span<const Sections> sections, const Tensor& out) = 0;

  virtual void silu(const Tensor& x, const Tensor& out) = 0;
  virtual void gelu(const Tensor& x, const Tensor& out) = 0;
  virtual void tanh(const Tensor& x, const Tensor& out) = 0;
  virtual void silu_mul(const Tensor& a, const Tensor& b, const Tensor& out) = 0;
  virtual void sigmoid_mul(const Tensor& x, const Tensor& gate) = 0;
  virtual void snake(const Tensor& x, const Tensor& alpha, const Tensor& out) = 0;
  virtual void add(const Tensor& x, const Tensor& to) = 0;
  virtual void add_gated(const Tensor& x, const Tensor& gate, const Sequences& sequences,
                         const Tensor& to) = 0;
  virtual void scale(const Tensor& x, float factor) = 0;

  virtual void gather_rows(const Tensor& table, const Tensor& ids, const Tensor& out) = 0;
  virtual void nearest_rows(const Tensor& x, const Tensor& table, const Tensor& ids) = 0;
  virtual void guided_step(const Tensor& x, const Tensor& v, const Tensor& v_text,
                           const Tensor& v_speaker, const GuidedStep& step) = 0;
};

}  // namespace echo
