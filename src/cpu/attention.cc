#include "cpu/attention.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <vector>

#include "cpu/onednn.h"

namespace echo::cpu {
namespace {

// Scores of 128 queries and some thousand keys fit a core's second-level cache.
constexpr int64_t kQueryBlock = 128;

struct Block {
  size_t lane = 0;
  int64_t lane_begin = 0;      // first row of the lane
  int64_t begin = 0, end = 0;  // queries, relative to the lane
  int64_t head = 0;
};

class Worker {
 public:
  Worker(const Kernels& kernels, const Tensor& q, const Tensor& k, const Tensor& v,
         const AttentionShape& shape, const Lanes& lanes, std::span<const Sections> sections,
         const Tensor& out)
      : kernels_(kernels),
        q_(q),
        k_(k),
        v_(v),
        shape_(shape),
        lanes_(lanes),
        sections_(sections),
        out_(out),
        head_dim_(q.cols() / shape.heads),
        element_(dtype_size(q.dtype())) {}

  void operator()(const Block& block) {
    const int64_t queries = block.end - block.begin;
    const int64_t earlier = k_.rows() - q_.rows();  // keys before the first query's; of one lane
    // The lane's own keys that any query of the block can see.
    int64_t key_begin = 0, key_end = earlier + lanes_[block.lane].rows;
    if (shape_.causal) {
      key_end = earlier + block.end;
      if (shape_.window > 0) {
        key_begin = std::max<int64_t>(0, earlier + block.begin - shape_.window + 1);
      }
    }
    segments_.assign(1, {0, key_end - key_begin, 1.0f});
    if (!sections_.empty()) {
      for (const KeyValueSection& section : sections_[block.lane]) {
        if (section.k.rows() == 0) continue;
        const int64_t begin = segments_.back().end;
        segments_.push_back({begin, begin + section.k.rows(), section.scale});
      }
    }
    const int64_t keys = segments_.back().end;
    scores_.resize(static_cast<size_t>(queries * keys));

    const void* query = at(q_, block.lane_begin + block.begin, block.head);
    for_each_part(block, key_begin,
                  [&](const ScoreSegment& part, const Tensor& k, const Tensor&, int64_t row) {
                    multiply({queries, part.end - part.begin, head_dim_, q_.stride(), k.stride(),
                              keys, true, false, q_.dtype(), DType::kFloat32},
                             query, at(k, row, block.head), scores_.data() + part.begin);
                  });

    probabilities_.resize(static_cast<size_t>(queries * keys) * element_);
    const float factor = 1.0f / std::sqrt(static_cast<float>(head_dim_));
    for (int64_t i = 0; i < queries; ++i) {
      const int64_t position = earlier + block.begin + i;
      int64_t lo = 0, hi = key_end - key_begin;
      if (shape_.causal) {
        hi = position + 1 - key_begin;
        if (shape_.window > 0) lo = std::max<int64_t>(0, position - shape_.window + 1 - key_begin);
      }
      kernels_.softmax_row(scores_.data() + i * keys, factor, segments_.data(),
                           static_cast<int64_t>(segments_.size()), lo, hi,
                           probabilities_.data() + static_cast<size_t>(i * keys) * element_,
                           q_.dtype());
    }

    // The parts add up in float32.
    result_.resize(static_cast<size_t>(queries * head_dim_));
    bool first = true;
    for_each_part(block, key_begin,
                  [&](const ScoreSegment& part, const Tensor&, const Tensor& v, int64_t row) {
                    multiply({queries, head_dim_, part.end - part.begin, keys, v.stride(),
                              head_dim_, false, !first, q_.dtype(), DType::kFloat32},
                             probabilities_.data() + static_cast<size_t>(part.begin) * element_,
                             at(v, row, block.head), result_.data());
                    first = false;
                  });
    kernels_.convert({result_.data(), queries, head_dim_, head_dim_, DType::kFloat32},
                     {at(out_, block.lane_begin + block.begin, block.head), queries, head_dim_,
                      out_.stride(), out_.dtype()});
  }

 private:
  void* at(const Tensor& x, int64_t row, int64_t head) const {
    return x.data_as<char>() + static_cast<size_t>(row * x.stride() + head * head_dim_) * element_;
  }

  // f(columns of the scores, keys, values, their first row) for the lane's own keys, then each
  // section.
  template <class F>
  void for_each_part(const Block& block, int64_t key_begin, F f) {
    f(segments_[0], k_, v_, block.lane_begin + key_begin);
    if (sections_.empty()) return;
    size_t index = 1;
    for (const KeyValueSection& section : sections_[block.lane]) {
      if (section.k.rows() == 0) continue;
      f(segments_[index++], section.k, section.v, 0);
    }
  }

  const Kernels& kernels_;
  const Tensor &q_, &k_, &v_;
  const AttentionShape& shape_;
  const Lanes& lanes_;
  std::span<const Sections> sections_;
  const Tensor& out_;
  const int64_t head_dim_;
  const size_t element_;
  std::vector<ScoreSegment> segments_;
  std::vector<float> scores_, result_;
  std::vector<char> probabilities_;
};

}  // namespace

void attention(const Kernels& kernels, const Tensor& q, const Tensor& k, const Tensor& v,
               const AttentionShape& shape, const Lanes& lanes, std::span<const Sections> sections,
               const Tensor& out) {
  std::vector<Block> blocks;
  int64_t lane_begin = 0;
  for (size_t lane = 0; lane < lanes.size(); ++lane) {
    for (int64_t head = 0; head < shape.heads; ++head) {
      for (int64_t begin = 0; begin < lanes[lane].rows; begin += kQueryBlock) {
        blocks.push_back(
            {lane, lane_begin, begin, std::min(begin + kQueryBlock, lanes[lane].rows), head});
      }
    }
    lane_begin += lanes[lane].rows;
  }
  std::exception_ptr failure;
  const int64_t count = static_cast<int64_t>(blocks.size());
#pragma omp parallel if (count > 1)
  {
    Worker worker(kernels, q, k, v, shape, lanes, sections, out);
#pragma omp for schedule(dynamic)
    for (int64_t i = 0; i < count; ++i) {
      try {
        worker(blocks[static_cast<size_t>(i)]);
      } catch (...) {
#pragma omp critical
        failure = std::current_exception();
      }
    }
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace echo::cpu
