#include "cpu/attention.h"

#include <omp.h>

#include <algorithm>
#include <vector>

namespace echo::cpu {
namespace {

// Packing keys and values pays from so many queries on.
constexpr int64_t kMinQueries = 96;

const char* at(const Tensor& x, int64_t row, int64_t column) {
  return x.data_as<char>() + static_cast<size_t>(row * x.stride() + column) * dtype_size(x.dtype());
}

struct Unit {
  AttentionTask task;
  std::vector<AttentionPart> parts;
};

// Queries [begin, end) of a sequence, whose keys begin with `earlier` rows before the first
// query's.
Unit make_unit(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionShape& shape,
               int64_t sequence_begin, int64_t sequence_rows, int64_t earlier,
               const Sections* sections, int64_t begin, int64_t end, int64_t head,
               const Tensor& out) {
  Unit unit;
  AttentionTask& task = unit.task;
  task.dtype = q.dtype();
  task.width = q.cols() / shape.heads;
  task.causal = shape.causal;
  task.window = shape.window;
  task.queries = end - begin;
  task.q_stride = q.stride();
  task.out_stride = out.stride();
  const int64_t column = head * task.width;
  task.q = at(q, sequence_begin + begin, column);
  task.out = const_cast<char*>(at(out, sequence_begin + begin, column));
  // Only the own keys that some of the queries see.
  int64_t key_begin = 0, key_end = earlier + sequence_rows;
  if (shape.causal) {
    key_end = earlier + end;
    if (shape.window > 0) key_begin = std::max<int64_t>(0, earlier + begin - shape.window + 1);
  }
  task.position = earlier + begin - key_begin;
  unit.parts.push_back({at(k, sequence_begin + key_begin, column),
                        at(v, sequence_begin + key_begin, column), k.stride(), v.stride(),
                        key_end - key_begin, 1.0f});
  if (sections) {
    for (const KeyValueSection& section : *sections) {
      if (section.k.rows() == 0) continue;
      unit.parts.push_back({at(section.k, 0, column), at(section.v, 0, column), section.k.stride(),
                            section.v.stride(), section.k.rows(), section.scale});
    }
  }
  return unit;
}

}  // namespace

void attention(const Kernels& kernels, const Tensor& q, const Tensor& k, const Tensor& v,
               const AttentionShape& shape, const Sequences& sequences,
               std::span<const Sections> sections, const Tensor& out) {
  const int threads = omp_get_max_threads();
  const int64_t heads = shape.heads * static_cast<int64_t>(sequences.size());
  const int64_t wanted_parts = (threads + heads - 1) / heads;
  std::vector<Unit> units;
  int64_t sequence_begin = 0;
  for (size_t sequence = 0; sequence < sequences.size(); ++sequence) {
    const int64_t rows = sequences[sequence].rows;
    const int64_t parts = std::clamp<int64_t>(rows / kMinQueries, 1, wanted_parts);
    for (int64_t head = 0; head < shape.heads; ++head) {
      for (int64_t part = 0; part < parts; ++part) {
        const int64_t begin = rows * part / parts, end = rows * (part + 1) / parts;
        if (begin == end) continue;
        units.push_back(make_unit(q, k, v, shape, sequence_begin, rows, k.rows() - q.rows(),
                                  sections.empty() ? nullptr : &sections[sequence], begin, end,
                                  head, out));
      }
    }
    sequence_begin += rows;
  }
  size_t bytes = 0;
  for (Unit& unit : units) {
    unit.task.parts = unit.parts.data();
    unit.task.part_count = static_cast<int64_t>(unit.parts.size());
    bytes = std::max(bytes, kernels.attention_workspace(unit.task));
  }
  bytes = (bytes + 63) / 64 * 64;
  const auto workspace = out.backend().allocate(bytes * static_cast<size_t>(threads));
  const int64_t count = static_cast<int64_t>(units.size());
#pragma omp parallel for schedule(dynamic) num_threads(threads) if (count > 1)
  for (int64_t i = 0; i < count; ++i) {
    char* mine =
        static_cast<char*>(workspace->data()) + bytes * static_cast<size_t>(omp_get_thread_num());
    kernels.attention(units[static_cast<size_t>(i)].task, mine);
  }
}

}  // namespace echo::cpu
