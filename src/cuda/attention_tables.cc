#include "cuda/attention_tables.h"

#include <string>

#include "base/error.h"

namespace echo::cuda {
namespace {

AttentionPart part_of(const Tensor& k, const Tensor& v, float scale) {
  return {k.data(), v.data(), k.stride(), v.stride(), static_cast<int>(k.rows()), scale};
}

}  // namespace

std::vector<AttentionTable> attention_tables(const Tensor& q, const Tensor& k, const Tensor& v,
                                             const Sequences& sequences,
                                             std::span<const Sections> sections) {
  std::vector<AttentionTable> tables(1);
  const int64_t earlier = k.rows() - q.rows();  // with one sequence only
  int64_t begin = 0;
  for (size_t i = 0; i < sequences.size(); ++i) {
    const int64_t rows = sequences[i].rows;
    if (rows == 0) continue;
    std::vector<AttentionPart> parts = {
        part_of(k.row_range(begin, earlier + rows), v.row_range(begin, earlier + rows), 1.0f)};
    if (!sections.empty()) {
      for (const KeyValueSection& section : sections[i]) {
        if (section.k.rows() > 0) parts.push_back(part_of(section.k, section.v, section.scale));
      }
    }
    const int count = static_cast<int>(parts.size());
    if (count > AttentionTable::kMaxParts) {
      throw_internal("attention: " + std::to_string(count - 1) + " sections found, at most " +
                     std::to_string(AttentionTable::kMaxParts - 1) + " expected");
    }
    if (tables.back().sequence_count == AttentionTable::kMaxSequences ||
        tables.back().part_count + count > AttentionTable::kMaxParts) {
      tables.emplace_back();
    }
    AttentionTable& table = tables.back();
    AttentionSequence& sequence = table.sequences[table.sequence_count++];
    sequence.first_row = static_cast<int>(begin);
    sequence.rows = static_cast<int>(rows);
    sequence.earlier = static_cast<int>(earlier);
    sequence.first_part = table.part_count;
    sequence.parts = count;
    for (const AttentionPart& part : parts) table.parts[table.part_count++] = part;
    begin += rows;
  }
  if (tables[0].sequence_count == 0) tables.clear();
  return tables;
}

}  // namespace echo::cuda
