#include "cpu/onednn.h"

#include <omp.h>

#include <algorithm>
#include <dnnl.hpp>
#include <mutex>
#include <optional>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/error.h"
#include "tensor/blocked_layout.h"

namespace echo::cpu {
namespace {

using dnnl::memory;
using MatmulDesc = dnnl::matmul::primitive_desc;
using ConvDesc = dnnl::convolution_forward::primitive_desc;

constexpr int kSharedPrimitives = 128;

dnnl::engine& engine() {
  static dnnl::engine instance = [] {
    // oneDNN's own store is for the layers of a model that have the same shapes; its usual 1,024
    // entries would keep every length that was ever spoken.
    dnnl::set_primitive_cache_capacity(kSharedPrimitives);
    return dnnl::engine(dnnl::engine::kind::cpu, 0);
  }();
  return instance;
}

dnnl::stream& stream() {
  thread_local dnnl::stream instance(engine());
  return instance;
}

memory::data_type data_type(DType dtype) {
  return dtype == DType::kBFloat16 ? memory::data_type::bf16 : memory::data_type::f32;
}

dnnl::primitive_attr attributes(bool accumulate) {
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  if (accumulate) {
    dnnl::post_ops post;
    post.append_sum(1.0f);
    attr.set_post_ops(post);
  }
  return attr;
}

memory::desc strided(memory::dims dims, DType dtype, memory::dims strides) {
  return memory::desc(dims, data_type(dtype), strides);
}

// ---- The calls that differ between the versions. ----

MatmulDesc matmul_desc(const memory::desc& a, const memory::desc& b, const memory::desc* bias,
                       const memory::desc& c, const dnnl::primitive_attr& attr) {
#if DNNL_VERSION_MAJOR >= 3
  return bias ? MatmulDesc(engine(), a, b, *bias, c, attr) : MatmulDesc(engine(), a, b, c, attr);
#else
  return MatmulDesc(bias ? dnnl::matmul::desc(a, b, *bias, c) : dnnl::matmul::desc(a, b, c), attr,
                    engine());
#endif
}

ConvDesc conv_desc(const memory::desc& x, const memory::desc& w, const memory::desc* bias,
                   const memory::desc& out, int64_t stride, int64_t dilation,
                   const dnnl::primitive_attr& attr) {
  const auto kind = dnnl::prop_kind::forward_inference;
  const auto algorithm = dnnl::algorithm::convolution_direct;
  const memory::dims strides{stride}, dilates{dilation - 1}, zero{0};
#if DNNL_VERSION_MAJOR >= 3
  return bias ? ConvDesc(engine(), kind, algorithm, x, w, *bias, out, strides, dilates, zero, zero,
                         attr)
              : ConvDesc(engine(), kind, algorithm, x, w, out, strides, dilates, zero, zero, attr);
#else
  using Desc = dnnl::convolution_forward::desc;
  return ConvDesc(bias ? Desc(kind, algorithm, x, w, *bias, out, strides, dilates, zero, zero)
                       : Desc(kind, algorithm, x, w, out, strides, dilates, zero, zero),
                  attr, engine());
#endif
}

// What a blocked description consists of; nothing when it is of another kind.
struct Blocks {
  memory::dims strides, sizes, axes;
};

std::optional<Blocks> blocks_of(const memory::desc& desc) {
#if DNNL_VERSION_MAJOR >= 3
  if (desc.get_format_kind() != memory::format_kind::blocked) return std::nullopt;
  return Blocks{desc.get_strides(), desc.get_inner_blks(), desc.get_inner_idxs()};
#else
  if (desc.data.format_kind != dnnl_blocked) return std::nullopt;
  const dnnl_blocking_desc_t& blocking = desc.data.format_desc.blocking;
  const int count = blocking.inner_nblks;
  return Blocks{{blocking.strides, blocking.strides + desc.data.ndims},
                {blocking.inner_blks, blocking.inner_blks + count},
                {blocking.inner_idxs, blocking.inner_idxs + count}};
#endif
}

bool is_reference(const char* implementation) {
  return std::string(implementation).rfind("ref", 0) == 0;
}

// ---- A primitive that is ready to run. ----

struct Primitive {
  dnnl::primitive primitive;
  memory::desc src, weights, bias, dst, scratchpad;
  size_t weights_index = 0;  // into the packed copies
};

template <class Desc, class Kind>
Primitive make_primitive(const Desc& desc, bool with_bias, Kind*) {
  Primitive result;
  result.primitive = Kind(desc);
  result.src = desc.src_desc();
  result.weights = desc.weights_desc();
  if (with_bias) result.bias = desc.query_md(dnnl::query::weights_md, 1);
  result.dst = desc.dst_desc();
  result.scratchpad = desc.scratchpad_desc();
  return result;
}

void* scratchpad(size_t bytes) {
  thread_local std::vector<char> buffer;
  if (buffer.size() < bytes) buffer.resize(bytes);
  return buffer.data();
}

// A primitive with what it reads and writes, which may move from call to call.
class Run {
 public:
  Run(const Primitive& p, const void* weights, const void* bias) : primitive_(p.primitive) {
    src_ = add(DNNL_ARG_SRC, p.src, nullptr);
    dst_ = add(DNNL_ARG_DST, p.dst, nullptr);
    add(DNNL_ARG_WEIGHTS, p.weights, weights);
    if (bias) add(DNNL_ARG_BIAS, p.bias, bias);
    if (const size_t bytes = p.scratchpad.get_size(); bytes > 0) {
      add(DNNL_ARG_SCRATCHPAD, p.scratchpad, scratchpad(bytes));
    }
  }
  void operator()(const void* src, void* dst) {
    src_.set_data_handle(const_cast<void*>(src));
    dst_.set_data_handle(dst);
    primitive_.execute(stream(), args_);
    stream().wait();
  }

 private:
  memory add(int argument, const memory::desc& desc, const void* data) {
    return args_.emplace(argument, memory(desc, engine(), const_cast<void*>(data))).first->second;
  }

  dnnl::primitive primitive_;
  std::unordered_map<int, memory> args_;
  memory src_, dst_;  // of args_, shared
};

template <class F>
auto translated(const char* what, F f) {
  try {
    return f();
  } catch (const dnnl::error& error) {
    throw_internal(std::string("oneDNN ") + what + ": " + error.message + " (status " +
                   std::to_string(static_cast<int>(error.status)) + ")");
  }
}

// Weights packed once in the layout for the usual shapes, and again for shapes that oneDNN would
// otherwise run with its reference code.
class OneDnnWeights : public PackedWeights {
 public:
  OneDnnWeights(const HostWeights& weights, int64_t stride, int64_t dilation, DType precision,
                bool convolution, WeightArena& arena)
      : PackedWeights(weights, stride, dilation, precision),
        convolution_(convolution),
        arena_(arena) {
    const memory::desc layout = usual_layout();
    if (!weights.layout.empty()) {
      if (weights.layout != layout_text(layout)) {
        throw_internal("pack: the weights have the layout \"" + std::string(weights.layout) +
                       "\", expected \"" + layout_text(layout) + "\"");
      }
      owners_.push_back(weights.owner);
      copies_.emplace_back(layout, engine(), const_cast<void*>(weights.data));
      return;
    }
    memory plain(host_layout(weights.dtype), engine(), const_cast<void*>(weights.data));
    add_copy(plain, layout);
  }

  // Of a matrix without values, to ask for its layout.
  OneDnnWeights(int64_t out, int64_t in, DType precision, WeightArena& arena)
      : PackedWeights({nullptr, precision, out, in}, 1, 1, precision),
        convolution_(false),
        arena_(arena) {}

  std::string layout() const { return layout_text(usual_layout()); }
  std::span<const std::byte> bytes() const {
    const std::lock_guard lock(mutex_);
    return {static_cast<const std::byte*>(copies_.front().get_data_handle()),
            copies_.front().get_desc().get_size()};
  }

  // What a call needs beside the weights.
  struct Call {
    int64_t rows = 0;  // of the output
    int64_t x_stride = 0;
    int64_t out_stride = 0;
    bool bias = false;
    bool accumulate = false;
    DType out_dtype = DType::kFloat32;
    bool operator<(const Call& other) const { return key() < other.key(); }
    std::tuple<int64_t, int64_t, int64_t, bool, bool, DType> key() const {
      return {rows, x_stride, out_stride, bias, accumulate, out_dtype};
    }
    bool operator==(const Call& other) const { return key() == other.key(); }
  };

  void execute(Call call, const void* x, const void* bias, void* result) const {
    const int64_t rows = call.rows;
    const int64_t x_bytes = stride() * call.x_stride * static_cast<int64_t>(dtype_size(dtype()));
    const int64_t out_bytes = call.out_stride * static_cast<int64_t>(dtype_size(call.out_dtype));
    std::optional<Run> run;
    for (int64_t begin = 0; begin < rows; begin += call.rows) {
      const int64_t now = next_rows(rows - begin);
      if (!run || now != call.rows) {
        call.rows = now;
        const Primitive primitive = find(call);
        run.emplace(primitive, copies_data(primitive.weights_index), bias);
      }
      (*run)(static_cast<const char*>(x) + begin * x_bytes,
             static_cast<char*>(result) + begin * out_bytes);
    }
  }

  PackedUse use(Call call) const {
    call.rows = next_rows(call.rows);
    const Primitive primitive = find(call);
    const std::lock_guard lock(mutex_);
    return {implementation(primitive), copies_.size()};
  }

 private:
  int64_t rows_stride() const { return in(); }

  // How many of the rows that are left are computed at a time: enough to be worth starting the threads. oneDNN
  // makes code for nearly each row of a convolution: for 131,072 rows with one output 147 MB and
  // 1.5 s before the first call, for 256 rows 0.3 MB and 2 ms. A row's value is the same in any
  // block, but that few rows of many channels may be summed in another order: so the last block is
  // up to half as long again instead of a short one behind it.
  int64_t next_rows(int64_t left) const {
    if (!convolution_) return left;
    constexpr int64_t kOperationsPerThread = 8'000'000;
    const int64_t wanted = kOperationsPerThread * omp_get_max_threads() / (2 * in() * out() * taps());
    const int64_t block = wanted <= 256 ? 256 : wanted <= 512 ? 512 : 1024;
    return left < block + block / 2 ? left : block;
  }

  // For a shape that both short and long inputs share their layout with.
  memory::desc usual_layout() const {
    const int64_t rows = 512;
    return describe({rows, rows_stride(), out(), true, false, DType::kFloat32}, any_layout())
        .weights;
  }

  // Empty for what is more, or less, than blocks of the matrix.
  std::string layout_text(const memory::desc& desc) const {
    const std::optional<Blocks> blocks = convolution_ ? std::nullopt : blocks_of(desc);
    if (!blocks) return {};
    BlockedLayout layout{dtype(), out(), in(), blocks->strides[1], blocks->strides[0], {}};
    for (size_t i = 0; i < blocks->sizes.size(); ++i) {
      const bool of_inputs = blocks->axes[i] == 0;
      layout.blocks.push_back(
          {of_inputs ? BlockedLayout::Axis::kIn : BlockedLayout::Axis::kOut, blocks->sizes[i]});
    }
    const size_t bytes = static_cast<size_t>(layout.elements()) * dtype_size(dtype());
    return bytes == desc.get_size() ? layout.text() : std::string();
  }

  void add_copy(memory& from, const memory::desc& layout) const {
    owners_.push_back(arena_.allocate(layout.get_size()));
    memory copy(layout, engine(), const_cast<void*>(owners_.back().get()));
    dnnl::reorder(from, copy).execute(stream(), from, copy);
    stream().wait();
    copies_.push_back(copy);
  }

  memory::dims dims() const {
    return convolution_ ? memory::dims{out(), in(), taps()} : memory::dims{in(), out()};
  }
  memory::desc any_layout() const {
    return memory::desc(dims(), data_type(dtype()), memory::format_tag::any);
  }
  // As on the host: out x in x taps, or out x in seen as its transpose.
  memory::desc host_layout(DType dtype) const {
    return convolution_ ? strided(dims(), dtype, {in() * taps(), taps(), 1})
                        : strided(dims(), dtype, {1, in()});
  }

  Primitive describe(const Call& call, const memory::desc& weights) const {
    const auto attr = attributes(call.accumulate);
    if (convolution_) {
      const int64_t x_rows = (call.rows - 1) * stride() + dilation() * (taps() - 1) + 1;
      const memory::desc x =
          strided({1, in(), x_rows}, dtype(), {x_rows * call.x_stride, 1, call.x_stride});
      const memory::desc y = strided({1, out(), call.rows}, call.out_dtype,
                                     {call.rows * call.out_stride, 1, call.out_stride});
      const memory::desc bias({out()}, memory::data_type::f32, memory::format_tag::a);
      return make_primitive(
          conv_desc(x, weights, call.bias ? &bias : nullptr, y, stride(), dilation(), attr),
          call.bias, static_cast<dnnl::convolution_forward*>(nullptr));
    }
    const memory::desc x = strided({call.rows, in()}, dtype(), {call.x_stride, 1});
    const memory::desc y = strided({call.rows, out()}, call.out_dtype, {call.out_stride, 1});
    const memory::desc bias({1, out()}, memory::data_type::f32, memory::format_tag::ab);
    return make_primitive(matmul_desc(x, weights, call.bias ? &bias : nullptr, y, attr), call.bias,
                          static_cast<dnnl::matmul*>(nullptr));
  }

  bool has_fast_primitive(const Call& call, const memory::desc& weights, Primitive& found) const {
    try {
      found = describe(call, weights);
    } catch (const dnnl::error&) {
      return false;
    }
    return !is_reference(implementation(found));
  }

  static const char* implementation(const Primitive& primitive) {
    const char* text = nullptr;
    dnnl_primitive_desc_query(primitive.primitive.get_primitive_desc(), dnnl_query_impl_info_str, 0,
                              &text);
    return text ? text : "";
  }

  Primitive find(const Call& call) const {
    const std::lock_guard lock(mutex_);
    const auto known = std::find_if(primitives_.begin(), primitives_.end(),
                                    [&](const auto& entry) { return entry.first == call; });
    if (known != primitives_.end()) {
      std::rotate(known, known + 1, primitives_.end());
      return primitives_.back().second;
    }
    Primitive primitive;
    bool found = false;
    for (size_t i = 0; i < copies_.size() && !found; ++i) {
      found = has_fast_primitive(call, copies_[i].get_desc(), primitive);
      if (found) primitive.weights_index = i;
    }
    if (!found) {
      primitive = describe(call, any_layout());
      memory first = copies_.front();
      add_copy(first, primitive.weights);
      primitive.weights_index = copies_.size() - 1;
    }
    // Few shapes are alive at a time; the one that was used longest ago leaves first.
    if (primitives_.size() >= kMaxPrimitives) primitives_.erase(primitives_.begin());
    primitives_.emplace_back(call, primitive);
    return primitive;
  }

  const void* copies_data(size_t index) const {
    const std::lock_guard lock(mutex_);
    return copies_[index].get_data_handle();
  }

  static constexpr size_t kMaxPrimitives = 6;
  bool convolution_;
  WeightArena& arena_;
  mutable std::mutex mutex_;
  mutable std::vector<std::shared_ptr<const void>> owners_;  // of the copies' memory
  mutable std::vector<memory> copies_;
  mutable std::vector<std::pair<Call, Primitive>> primitives_;
};

// oneDNN 3.7 adds a matmul one column wide to the wrong rows of a strided output; as a convolution
// of one tap it is right.
bool runs_as_convolution(int64_t out) { return DNNL_VERSION_MAJOR >= 3 && out == 1; }

OneDnnWeights::Call call_of(const Tensor& x, const Tensor& bias, bool accumulate,
                            const Tensor& out) {
  return {out.rows(), x.stride(), out.stride(), !bias.empty(), accumulate, out.dtype()};
}

void execute(const char* what, const Tensor& x, const PackedWeights& w, const Tensor& bias,
             bool accumulate, const Tensor& out) {
  translated(what, [&] {
    static_cast<const OneDnnWeights&>(w).execute(call_of(x, bias, accumulate, out), x.data(),
                                                 bias.empty() ? nullptr : bias.data(), out.data());
  });
}

}  // namespace

std::shared_ptr<PackedWeights> pack_matrix(const HostWeights& weights, DType precision,
                                           WeightArena& arena) {
  return translated("packing a matrix", [&] {
    return std::make_shared<OneDnnWeights>(weights, 1, 1, precision,
                                           runs_as_convolution(weights.out), arena);
  });
}

std::shared_ptr<PackedWeights> pack_convolution(const HostWeights& weights, int64_t stride,
                                                int64_t dilation, DType precision,
                                                WeightArena& arena) {
  return translated("packing a convolution", [&] {
    return std::make_shared<OneDnnWeights>(weights, stride, dilation, precision, true, arena);
  });
}

std::string packed_layout(int64_t out, int64_t in, DType precision) {
  if (runs_as_convolution(out)) return {};
  return translated("asking for a layout", [&] {
    WeightArena unused;
    return OneDnnWeights(out, in, precision, unused).layout();
  });
}

std::span<const std::byte> packed_bytes(const PackedWeights& weights) {
  return static_cast<const OneDnnWeights&>(weights).bytes();
}

void linear(const Tensor& x, const PackedWeights& w, const Tensor& bias, bool accumulate,
            const Tensor& out) {
  execute("linear", x, w, bias, accumulate, out);
}

void conv1d(const Tensor& x, const PackedWeights& w, const Tensor& bias, bool accumulate,
            const Tensor& out) {
  execute("conv1d", x, w, bias, accumulate, out);
}

PackedUse packed_use(const Tensor& x, const PackedWeights& w, const Tensor& bias, bool accumulate,
                     const Tensor& out) {
  return translated("choosing code", [&] {
    return static_cast<const OneDnnWeights&>(w).use(call_of(x, bias, accumulate, out));
  });
}

bool has_fast_bfloat16() {
#if defined(__x86_64__)
  // Each set's number has the bits of the sets that it contains.
  const auto bits = [](dnnl::cpu_isa isa) { return static_cast<unsigned>(isa); };
  const unsigned wanted = bits(dnnl::cpu_isa::avx512_core_bf16);
  return (bits(dnnl::get_effective_cpu_isa()) & wanted) == wanted;
#else
  return false;
#endif
}

std::string onednn_description() {
  const dnnl_version_t* version = dnnl_version();
  return "oneDNN " + std::to_string(version->major) + "." + std::to_string(version->minor) + "." +
         std::to_string(version->patch);
}

}  // namespace echo::cpu
