#include "text/chunk_packing.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "base/utf8.h"
#include "text/characters.h"
#include "text/chunk.h"
#include "text/tables.h"

namespace echo {
namespace {

constexpr double kCjkPerSecond = 5;

// What a join costs: a chunk more, and the unevenness that a listener hears there.
constexpr double kChunkCost = 1;
constexpr double kScrapCost = 9;      // a chunk of less than kShortestChunk
constexpr double kShortCost = 2.5;    // a chunk of less than kShortParagraph
constexpr double kParagraphCost = 3;  // a paragraph that ends inside a chunk loses its pause
constexpr double kEvenness = 0.3;     // of two divisions into as many, the more even one
constexpr double kShortParagraph = 60;
constexpr size_t kMaxUnits = 64;  // of one chunk

double end_cost(ChunkEnd end) {
  switch (end) {
    case ChunkEnd::kText:
    case ChunkEnd::kParagraph:
      return 0;
    case ChunkEnd::kSentence:
      return 1;
    case ChunkEnd::kClause:
      return 4;
    case ChunkEnd::kWord:
      return 6;
  }
  return 0;
}

double weight_of(char32_t c) { return is_cjk(c) ? kCharsPerSecond / kCjkPerSecond : 1; }

size_t bytes_of(char32_t c) { return c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4; }

// A sentence, or a part of one that is too long.
struct Unit {
  TextRange range;
  ChunkEnd end;
};

class Packer {
 public:
  Packer(std::u32string_view text, const ChunkLimits& limits)
      : text_(text), limits_(limits), weights_(text.size() + 1), bytes_(text.size() + 1) {
    for (size_t i = 0; i < text.size(); ++i) {
      weights_[i + 1] = weights_[i] + weight_of(text[i]);
      bytes_[i + 1] = bytes_[i] + bytes_of(text[i]);
    }
    closing_ = closing_brackets(text, static_cast<size_t>(limits.weight));
  }

  std::vector<PackedChunk> pack(const std::vector<Passage>& passages) {
    for (const Passage& passage : passages) add_passage(passage);
    return limits_.packs ? choose() : apart();
  }

 private:
  double weight(size_t begin, size_t end) const { return weights_[end] - weights_[begin]; }
  bool fits(size_t begin, size_t end, double limit) const {
    return weight(begin, end) <= limit + 1e-6 &&
           (limits_.bytes == 0 || bytes_[end] - bytes_[begin] <= limits_.bytes);
  }

  void add_passage(const Passage& passage) {
    const std::u32string_view text = text_.substr(passage.range.begin, passage.range.size());
    const size_t before = units_.size();
    for (TextRange sentence : find_sentences(text)) {
      sentence.begin += passage.range.begin;
      sentence.end += passage.range.begin;
      add_sentence(sentence);
    }
    if (units_.size() > before) units_.back().end = passage.end;
  }

  void add_sentence(TextRange rest) {
    double limit = limits_.weight;
    if (units_.empty() && limits_.first_weight > 0) limit = limits_.first_weight;
    while (!fits(rest.begin, rest.end, limit)) {
      const Unit part = first_part(rest, limit);
      units_.push_back(part);
      rest.begin = part.range.end;
      while (rest.begin < rest.end && is_white_space(text_[rest.begin])) ++rest.begin;
      limit = limits_.weight;
    }
    if (rest.size() > 0) units_.push_back({rest, ChunkEnd::kSentence});
  }

  // The first of the fewest parts that a sentence must be divided into.
  Unit first_part(const TextRange& rest, double limit) const {
    double parts = std::ceil(weight(rest.begin, rest.end) / limit);
    if (limits_.bytes > 0) {
      const double bytes = static_cast<double>(bytes_[rest.end] - bytes_[rest.begin]);
      parts = std::max(parts, std::ceil(bytes / static_cast<double>(limits_.bytes)));
    }
    const double wanted = weight(rest.begin, rest.end) / std::max(2.0, parts);
    size_t last = rest.begin + 1;
    while (last < rest.end && fits(rest.begin, last + 1, limit)) ++last;
    // The best place of each rank; rank 0 is the best.
    std::array<size_t, 6> best{};
    std::array<double, 6> distance;
    distance.fill(std::numeric_limits<double>::infinity());
    for (size_t at = rest.begin + 1; at <= last; ++at) {
      const size_t rank = rank_of(at, rest);
      if (rank >= best.size()) continue;
      const double from_wanted = std::abs(weight(rest.begin, at) - wanted);
      if (from_wanted < distance[rank]) {
        best[rank] = at;
        distance[rank] = from_wanted;
      }
    }
    for (size_t rank = 0; rank < best.size(); ++rank) {
      // A good place that leaves a scrap is none.
      const bool near = distance[rank] <= wanted * (rank < 3 ? 0.6 : 1);
      if (best[rank] == 0 || (!near && rank < 4)) continue;
      return {{rest.begin, best[rank]}, rank < 4 ? ChunkEnd::kClause : ChunkEnd::kWord};
    }
    return {{rest.begin, hard_cut(rest.begin, last)}, ChunkEnd::kWord};
  }

  // How good it is to cut before `at`: 0 the best, 6 not at all.
  size_t rank_of(size_t at, const TextRange& rest) const {
    const char32_t before = text_[at - 1];
    if (is_one_of(before, U"\u3001\uFF0C\uFF1B\uFF1A")) return inside_brackets(at) ? 5 : 2;
    if (at >= rest.end || !is_white_space(text_[at]) || is_white_space(before)) return 6;
    if (inside_brackets(at)) return 5;
    size_t next = at;
    while (next < rest.end && is_white_space(text_[next])) ++next;
    const char32_t after = next < rest.end ? text_[next] : U' ';
    const bool dash = is_one_of(before, U"\u2013\u2014-") &&
                      (at < rest.begin + 2 || is_white_space(text_[at - 2]));
    if (is_one_of(before, U";:\u061B\u2014") || dash) return 0;
    if (is_one_of(before, U",\u060C")) return begins_conjunction(next, rest.end) ? 1 : 2;
    if (is_end_mark(before)) return 2;
    if (is_thai(before) && is_thai(after)) return 3;
    // Not between a number and what it counts, nor behind a dash or an opening quote.
    if (is_digit(before) || is_digit(after) || is_one_of(after, U"\u2013\u2014-")) return 5;
    return 4;
  }

  static bool is_end_mark(char32_t c) { return is_one_of(c, U"?!\u2026)\u201D"); }

  bool inside_brackets(size_t at) const { return at < text_.size() && closing_[at] > at; }

  bool begins_conjunction(size_t at, size_t end) const {
    static const WordSet conjunctions = table_words(table_conjunctions);
    size_t word_end = at;
    while (word_end < end && is_letter(text_[word_end]) && word_end - at < 12) ++word_end;
    return conjunctions.count(lower_case(text_.substr(at, word_end - at))) > 0;
  }

  // No white space in reach: between graphemes, and where there is one not in a number.
  size_t hard_cut(size_t begin, size_t last) const {
    size_t cut = begin, safe = begin;
    while (cut < last) {
      const size_t end = grapheme_end(text_, cut);
      if (end > last) break;
      cut = end;
      const bool in_number = cut < text_.size() && is_digit(text_[cut - 1]) && is_digit(text_[cut]);
      if (!in_number) safe = cut;
    }
    if (safe > begin) return safe;
    // One grapheme, or one number, that is longer than a chunk.
    return cut > begin ? cut : last;
  }

  std::vector<PackedChunk> apart() const {
    std::vector<PackedChunk> chunks;
    for (const Unit& unit : units_) chunks.push_back({unit.range, unit.end});
    return chunks;
  }

  // The cheapest division of the units into chunks.
  std::vector<PackedChunk> choose() const {
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    std::vector<double> cost(units_.size() + 1, kInfinity);
    std::vector<size_t> previous(units_.size() + 1, 0);
    cost[0] = 0;
    for (size_t end = 1; end <= units_.size(); ++end) {
      double inside = 0;  // paragraphs that end inside the chunk
      for (size_t begin = end; begin-- > 0 && end - begin <= kMaxUnits;) {
        if (begin + 1 < end && units_[begin].end == ChunkEnd::kParagraph) inside += kParagraphCost;
        const TextRange range{units_[begin].range.begin, units_[end - 1].range.end};
        const double limit =
            begin == 0 && limits_.first_weight > 0 ? limits_.first_weight : limits_.weight;
        // One unit always fits: it was cut to.
        if (begin + 1 < end && !fits(range.begin, range.end, limit)) {
          if (begin > 0) break;
          continue;
        }
        const double total = cost[begin] + inside + chunk_cost(range, end);
        if (total < cost[end]) {
          cost[end] = total;
          previous[end] = begin;
        }
      }
    }
    std::vector<PackedChunk> chunks;
    for (size_t end = units_.size(); end > 0; end = previous[end]) {
      const TextRange range{units_[previous[end]].range.begin, units_[end - 1].range.end};
      chunks.push_back({range, units_[end - 1].end});
    }
    std::reverse(chunks.begin(), chunks.end());
    return chunks;
  }

  double chunk_cost(const TextRange& range, size_t end) const {
    const double length = weight(range.begin, range.end);
    const double filled = length / limits_.weight;
    double cost = kChunkCost + kEvenness * filled * filled;
    if (length < static_cast<double>(kShortestChunk)) {
      cost += kScrapCost;
    } else if (length < kShortParagraph) {
      cost += kShortCost;
    }
    return end == units_.size() ? cost : cost + end_cost(units_[end - 1].end);
  }

  std::u32string_view text_;
  ChunkLimits limits_;
  std::vector<double> weights_;
  std::vector<size_t> bytes_;
  std::vector<size_t> closing_;
  std::vector<Unit> units_;
};

}  // namespace

double spoken_weight(std::u32string_view text) {
  double weight = 0;
  for (const char32_t c : text) weight += weight_of(c);
  return weight;
}

std::vector<PackedChunk> pack_chunks(std::u32string_view text, const std::vector<Passage>& passages,
                                     const ChunkLimits& limits) {
  return Packer(text, limits).pack(passages);
}

}  // namespace echo
