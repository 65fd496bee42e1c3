// One head's attention: keys and values are packed once in the order that the matmuls read them,
// then blocks of queries go through scores, softmax and values while both stay in the cache.
// Included by cpu/kernels_inl.h only.
#if defined(__AMX_BF16__)
#include "cpu/tile_scope_inl.h"
#endif

namespace echo::cpu {
namespace {

// A matmul's tile: so many sums fit the registers.
constexpr int64_t kTileRows = 6;
constexpr int64_t kTileVecs = kLanes == 16 ? 4 : 2;
constexpr int64_t kTileCols = kTileVecs * kLanes;

// What matmuls multiply: float32, or pairs of bfloat16 where the machine has an instruction for
// them. Elsewhere bfloat16 is widened when it is packed.
struct FloatElement {
  using Type = float;
  struct Scope {};                      // lives while matmuls are computed
  static constexpr int64_t kGroup = 1;  // neighbours along the summed axis that one lane holds
  static constexpr int64_t kRows = kTileRows;           // that a matmul takes at a time
  static constexpr int64_t kKeys = kGroup;              // that it sums at a time
  static constexpr int64_t kQueryRows = 4 * kTileRows;  // that share keys and values in the cache
  static Vec broadcast(const float* p) { return all(*p); }
  static Vec multiply_add(Vec a, Vec b, Vec sum) { return a * b + sum; }
};
#if defined(__AVX512BF16__)
struct BFloat16Element {
  using Type = uint16_t;
  struct Scope {};
  static constexpr int64_t kGroup = 2;
  static constexpr int64_t kRows = kTileRows;
  static constexpr int64_t kKeys = kGroup;
  static constexpr int64_t kQueryRows = 4 * kTileRows;
  static Vec broadcast(const uint16_t* p) {
    uint32_t pair;
    __builtin_memcpy(&pair, p, sizeof pair);
    return as_floats(BitVec{} + pair);
  }
  static Vec multiply_add(Vec a, Vec b, Vec sum) {
    return reinterpret_cast<Vec>(_mm512_dpbf16_ps(reinterpret_cast<__m512>(sum),
                                                  reinterpret_cast<__m512bh>(a),
                                                  reinterpret_cast<__m512bh>(b)));
  }
};
#endif
#if defined(__AMX_BF16__)
// The same pairs by AMX, whose tiles sum 32 elements at a time.
struct BFloat16Tiles : BFloat16Element {
  using Scope = TileScope;
  static constexpr int64_t kRows = 32;
  static constexpr int64_t kKeys = 32;
  static constexpr int64_t kQueryRows = 64;
};
#endif

inline int64_t rounded_up(int64_t n, int64_t multiple) {
  return (n + multiple - 1) / multiple * multiple;
}

// sums = (sums +) a b, E::kRows by kTileCols: rows of `a` are a_stride apart, those of the sums
// stride; b holds kTileCols columns for each group of kGroup summed elements, `groups` of them.
template <class E>
inline __attribute__((always_inline)) void multiply(E, const typename E::Type* a, int64_t a_stride,
                                                    const typename E::Type* b, int64_t groups,
                                                    bool accumulate, float* sums, int64_t stride) {
  Vec tile[kTileRows][kTileVecs] = {};
  for (int64_t r = 0; accumulate && r < kTileRows; ++r) {
    __builtin_memcpy(&tile[r], sums + r * stride, sizeof tile[r]);
  }
  for (int64_t i = 0; i < groups; ++i) {
    Vec columns[kTileVecs];
    for (int64_t v = 0; v < kTileVecs; ++v) {
      __builtin_memcpy(&columns[v], b + (i * kTileCols + v * kLanes) * E::kGroup, sizeof(Vec));
    }
    for (int64_t r = 0; r < kTileRows; ++r) {
      const Vec value = E::broadcast(a + r * a_stride + i * E::kGroup);
      for (int64_t v = 0; v < kTileVecs; ++v) {
        tile[r][v] = E::multiply_add(value, columns[v], tile[r][v]);
      }
    }
  }
  for (int64_t r = 0; r < kTileRows; ++r) {
    __builtin_memcpy(sums + r * stride, &tile[r], sizeof tile[r]);
  }
}
#if defined(__AMX_BF16__)
// Two tiles of rows and two of columns at a time, each used twice.
inline void multiply(BFloat16Tiles, const uint16_t* a, int64_t a_stride, const uint16_t* b,
                     int64_t groups, bool accumulate, float* sums, int64_t stride) {
  constexpr int64_t kGroups = 16, kColumns = 16, kRow = kTileCols * 2;
  const auto size = [](int64_t values, size_t value) {
    return values * static_cast<int64_t>(value);
  };
  const int64_t a_bytes = size(a_stride, sizeof *a), b_bytes = size(kRow, sizeof *b),
                bytes = size(stride, sizeof *sums);
  for (int64_t column = 0; column < kTileCols; column += 2 * kColumns) {
    float* const low = sums + column;
    float* const high = low + 16 * stride;
    if (accumulate) {
      _tile_loadd(0, low, bytes);
      _tile_loadd(1, low + kColumns, bytes);
      _tile_loadd(2, high, bytes);
      _tile_loadd(3, high + kColumns, bytes);
    } else {
      _tile_zero(0);
      _tile_zero(1);
      _tile_zero(2);
      _tile_zero(3);
    }
    for (int64_t i = 0; i < groups; i += kGroups) {
      const uint16_t* const left = a + i * 2;
      const uint16_t* const right = b + i * kRow + column * 2;
      _tile_loadd(4, left, a_bytes);
      _tile_loadd(6, right, b_bytes);
      _tile_loadd(7, right + kColumns * 2, b_bytes);
      _tile_dpbf16ps(0, 4, 6);
      _tile_dpbf16ps(1, 4, 7);
      _tile_loadd(5, left + 16 * a_stride, a_bytes);
      _tile_dpbf16ps(2, 5, 6);
      _tile_dpbf16ps(3, 5, 7);
    }
    _tile_stored(0, low, bytes);
    _tile_stored(1, low + kColumns, bytes);
    _tile_stored(2, high, bytes);
    _tile_stored(3, high + kColumns, bytes);
  }
}
#endif

// Where everything of a task lies in the workspace, in elements and bytes.
struct AttentionPlan {
  int64_t depth;  // of a query, in groups of elements
  int64_t keys;   // of all parts
  int64_t key_tiles;
  int64_t value_tiles;
  int64_t score_stride;
  size_t element;
  size_t k, v, q, scores, probabilities, bytes;  // offsets

  template <class E>
  AttentionPlan(const AttentionTask& task, E)
      : depth((task.width + E::kGroup - 1) / E::kGroup),
        keys(0),
        element(sizeof(typename E::Type)) {
    for (int64_t i = 0; i < task.part_count; ++i) keys += task.parts[i].rows;
    key_tiles = rounded_up(keys, kTileCols) / kTileCols;
    value_tiles = rounded_up(task.width, kTileCols) / kTileCols;
    // Not a multiple of a page, where rows would fall on the same lines of the cache.
    score_stride = key_tiles * kTileCols + 16;
    size_t end = 0;
    const auto place = [&end](int64_t elements, size_t size) {
      const size_t begin = end;
      end += (static_cast<size_t>(elements) * size + 63) / 64 * 64;
      return begin;
    };
    k = place(key_tiles * kTileCols * depth * E::kGroup, element);
    v = place(value_tiles * kTileCols * key_tiles * kTileCols, element);
    q = place(E::kQueryRows * depth * E::kGroup, element);
    scores = place(E::kQueryRows * score_stride, sizeof(float));
    probabilities =
        element == sizeof(float) ? scores : place(E::kQueryRows * score_stride, element);
    bytes = end;
  }
};

// ---- Packing. ----

// Lanes of n vectors exchanged with the vectors: x[i][j] becomes x[j][i].
template <int... i>
inline void interleave(Vec a, Vec b, Vec& low, Vec& high, std::integer_sequence<int, i...>) {
  low = __builtin_shufflevector(a, b, (i / 2 + i % 2 * kLanes)...);
  high = __builtin_shufflevector(a, b, (kLanes / 2 + i / 2 + i % 2 * kLanes)...);
}
inline void transpose(Vec (&x)[kLanes]) {
  for (int width = 1; width < kLanes; width *= 2) {
    Vec next[kLanes];
    for (int i = 0; i < kLanes / 2; ++i) {
      interleave(x[i], x[i + kLanes / 2], next[2 * i], next[2 * i + 1], Indices());
    }
    for (int i = 0; i < kLanes; ++i) x[i] = next[i];
  }
}

// As many elements as fill a vector of groups, from a row.
template <class Access>
inline Vec load_groups(Access access, const float* p, FloatElement) {
  return access.load(p);
}
template <class Access>
inline Vec load_groups(Access access, const uint16_t* p, FloatElement) {
  return access.load(p);
}
#if defined(__AVX512BF16__)
inline Vec load_groups(Full, const uint16_t* p, BFloat16Element) {
  Vec pairs;
  __builtin_memcpy(&pairs, p, sizeof pairs);
  return pairs;
}
inline Vec load_groups(Part part, const uint16_t* p, BFloat16Element) {
  Vec pairs{};
  __builtin_memcpy(&pairs, p, part.count * sizeof *p);
  return pairs;
}
#endif

// Row r of x as keys r of the tiles: each tile holds kTileCols keys for every group of the depth.
// Keys that do not exist are zero.
template <class In, class E>
void pack_keys(const AttentionTask& task, const AttentionPlan& plan, typename E::Type* packed) {
  int64_t key = 0, part = 0, row = 0;
  const int64_t all_keys = plan.key_tiles * kTileCols;
  const int64_t lane_width = kLanes * E::kGroup;
  while (key < all_keys) {
    // kLanes rows, whatever part they are of.
    const In* rows[kLanes];
    for (int i = 0; i < kLanes; ++i) {
      while (part < task.part_count && row == task.parts[part].rows) {
        ++part;
        row = 0;
      }
      rows[i] = part == task.part_count ? nullptr
                                        : static_cast<const In*>(task.parts[part].k) +
                                              row++ * task.parts[part].k_stride;
    }
    auto* tile =
        packed + key / kTileCols * kTileCols * plan.depth * E::kGroup + key % kTileCols * E::kGroup;
    const auto move = [&](auto access, int64_t begin, int64_t count) {
      Vec x[kLanes];
      for (int i = 0; i < kLanes; ++i) {
        x[i] = rows[i] ? load_groups(access, rows[i] + begin, E()) : Vec{};
      }
      transpose(x);
      const int64_t first = begin / E::kGroup;
      for (int64_t i = 0; i < count; ++i) {
        __builtin_memcpy(tile + (first + i) * kTileCols * E::kGroup, &x[i], sizeof(Vec));
      }
    };
    int64_t c = 0;
    for (; c + lane_width <= task.width; c += lane_width) move(Full{}, c, kLanes);
    if (c < task.width) {
      const int64_t rest = task.width - c;
      move(Part{static_cast<size_t>(rest)}, c, (rest + E::kGroup - 1) / E::kGroup);
    }
    key += kLanes;
  }
}

inline Vec joined(Vec value, Vec, FloatElement) { return value; }
#if defined(__AVX512BF16__)
// The upper halves of two vectors as pairs.
inline Vec joined(Vec a, Vec b, BFloat16Element) {
  return as_floats((bits_of(a) >> 16) | (bits_of(b) & 0xffff0000u));
}
#endif

// Each tile of columns holds kTileCols values of every group of keys.
template <class In, class E>
void pack_values(const AttentionTask& task, const AttentionPlan& plan, typename E::Type* packed) {
  int64_t part = 0, row = 0;
  const int64_t groups = plan.key_tiles * kTileCols / E::kGroup;
  const auto next_row = [&]() -> const In* {
    while (part < task.part_count && row == task.parts[part].rows) {
      ++part;
      row = 0;
    }
    if (part == task.part_count) return nullptr;
    return static_cast<const In*>(task.parts[part].v) + row++ * task.parts[part].v_stride;
  };
  for (int64_t g = 0; g < groups; ++g) {
    const In* a = next_row();
    const In* b = E::kGroup == 2 ? next_row() : nullptr;
    for (int64_t c = 0; c < plan.value_tiles * kTileCols; c += kLanes) {
      const auto value = [&](const In* p) {
        if (!p || c >= task.width) return Vec{};
        return c + kLanes <= task.width ? Full::load(p + c)
                                        : Part{static_cast<size_t>(task.width - c)}.load(p + c);
      };
      const Vec x = joined(value(a), value(b), E());
      __builtin_memcpy(
          packed + (c / kTileCols * groups * kTileCols + g * kTileCols + c % kTileCols) * E::kGroup,
          &x, sizeof x);
    }
  }
}

template <class In, class E>
void pack_queries(const AttentionTask& task, const AttentionPlan& plan, int64_t begin,
                  int64_t count, typename E::Type* packed) {
  const int64_t stride = plan.depth * E::kGroup;
  for (int64_t r = 0; r < E::kQueryRows; ++r) {
    auto* to = packed + r * stride;
    if (r >= count) {
      __builtin_memset(to, 0, static_cast<size_t>(stride) * sizeof *to);
      continue;
    }
    const In* from = static_cast<const In*>(task.q) + (begin + r) * task.q_stride;
    if constexpr (sizeof(In) == sizeof(*to)) {
      __builtin_memcpy(to, from, static_cast<size_t>(task.width) * sizeof *to);
    } else {
      over(task.width,
           [&](auto access, int64_t c) { access.store(to + c, access.load(from + c)); });
    }
    for (int64_t c = task.width; c < stride; ++c) to[c] = 0;
  }
}

// ---- A block of queries. ----

struct KeyRange {
  int64_t begin, end;
};

// One or two ranges of keys, each begin and end rounded outwards to a multiple.
class KeyRanges {
 public:
  KeyRanges(KeyRange first, KeyRange second, int64_t multiple) {
    for (const KeyRange& range : {first, second}) {
      if (range.begin == range.end) continue;
      const int64_t begin = range.begin / multiple * multiple;
      const int64_t end = rounded_up(range.end, multiple);
      if (count_ > 0 && begin <= ranges_[count_ - 1].end) {
        ranges_[count_ - 1].end = end;
      } else {
        ranges_[count_++] = {begin, end};
      }
    }
  }
  const KeyRange* begin() const { return ranges_; }
  const KeyRange* end() const { return ranges_ + count_; }

 private:
  KeyRange ranges_[2] = {};
  int count_ = 0;
};

// Which keys a query sees: some of the first part, and all of the others.
inline KeyRange visible(const AttentionTask& task, int64_t query) {
  KeyRange range{0, task.parts[0].rows};
  if (!task.causal) return range;
  const int64_t position = task.position + query;
  if (position + 1 < range.end) range.end = position + 1;
  if (task.window > 0 && position - task.window + 1 > 0) range.begin = position - task.window + 1;
  if (range.begin > range.end) range.begin = range.end;
  return range;
}

// Softmax of a row of scores into unnormalised probabilities times the parts' scales; zero for keys
// in `seen` that this query does not see. Returns what the row must be multiplied by.
template <class T>
float softmax(const AttentionTask& task, KeyRange own, const KeyRanges& seen, float factor,
              float* scores, T* probabilities) {
  const auto for_each_part = [&](auto f) {
    f(own.begin, own.end, 1.0f);
    int64_t begin = task.parts[0].rows;
    for (int64_t i = 1; i < task.part_count; ++i) {
      const AttentionPart& part = task.parts[i];
      f(begin, begin + part.rows, part.scale);
      begin += part.rows;
    }
  };
  Vec most = all(-__builtin_inff());
  for_each_part([&](int64_t begin, int64_t end, float scale) {
    over(end - begin, [&](auto access, int64_t c) {
      const Vec score = access.load(scores + begin + c) * (factor * scale);
      // Stored, so that below the largest minus itself is zero however large it is: a fused
      // multiply and subtract would leave the rounding.
      access.store(scores + begin + c, score);
      const Vec mine = access.only(score, -__builtin_inff());
      most = mine > most ? mine : most;
    });
  });
  float largest = most[0];
  for (int i = 1; i < kLanes; ++i) largest = most[i] > largest ? most[i] : largest;

  const KeyRange* range = seen.begin();
  int64_t done = range->begin;
  const auto clear_until = [&](int64_t end) {
    while (true) {
      const int64_t stop = end < range->end ? end : range->end;
      for (; done < stop; ++done) probabilities[done] = 0;
      if (done < range->end || range + 1 == seen.end()) return;
      done = (++range)->begin;
    }
  };
  Vec sum{};
  for_each_part([&](int64_t begin, int64_t end, float scale) {
    if (begin == end) return;
    clear_until(begin);
    over(end - begin, [&](auto access, int64_t c) {
      const Vec value = exp(access.load(scores + begin + c) - largest);
      sum += access.only(value);
      access.store(probabilities + begin + c, value * scale);
    });
    done = end;
  });
  clear_until((seen.end() - 1)->end);
  const float total = sum_of(sum);
  return total == 0.0f ? 0.0f : 1.0f / total;
}

template <class In, class E>
void attention_block(const AttentionTask& task, const AttentionPlan& plan, int64_t begin,
                     int64_t count, char* workspace) {
  using T = typename E::Type;
  const T* k = reinterpret_cast<const T*>(workspace + plan.k);
  const T* v = reinterpret_cast<const T*>(workspace + plan.v);
  T* q = reinterpret_cast<T*>(workspace + plan.q);
  float* scores = reinterpret_cast<float*>(workspace + plan.scores);
  T* probabilities = reinterpret_cast<T*>(workspace + plan.probabilities);
  const int64_t tile_rows = rounded_up(count, E::kRows);
  pack_queries<In, E>(task, plan, begin, count, q);

  // The keys that any query of the block sees: whole tiles of scores, whole groups of values.
  const KeyRange own{visible(task, begin).begin, visible(task, begin + count - 1).end};
  const KeyRange others{task.parts[0].rows, plan.keys};
  const KeyRanges seen(own, others, E::kKeys);
  const int64_t q_stride = plan.depth * E::kGroup;
  for (const KeyRange& range : KeyRanges(own, others, kTileCols)) {
    for (int64_t key = range.begin; key < range.end; key += kTileCols) {
      for (int64_t r = 0; r < tile_rows; r += E::kRows) {
        multiply(E(), q + r * q_stride, q_stride, k + key * q_stride, plan.depth, false,
                 scores + r * plan.score_stride + key, plan.score_stride);
      }
    }
  }

  const float factor = 1.0f / sqrtf(static_cast<float>(task.width));
  float inverse[E::kQueryRows] = {};
  for (int64_t r = 0; r < count; ++r) {
    inverse[r] = softmax(task, visible(task, begin + r), seen, factor,
                         scores + r * plan.score_stride, probabilities + r * plan.score_stride);
  }

  const int64_t keys = plan.key_tiles * kTileCols;
  for (int64_t column = 0; column < task.width; column += kTileCols) {
    const T* values = v + column * keys;
    for (int64_t r = 0; r < tile_rows; r += E::kRows) {
      alignas(64) float sums[E::kRows][kTileCols];
      for (const KeyRange& range : seen) {
        multiply(E(), probabilities + r * plan.score_stride + range.begin, plan.score_stride,
                 values + range.begin * kTileCols, (range.end - range.begin) / E::kGroup,
                 range.begin != seen.begin()->begin, sums[0], kTileCols);
      }
      for (int64_t row = 0; row < E::kRows && r + row < count; ++row) {
        In* out = static_cast<In*>(task.out) + (begin + r + row) * task.out_stride + column;
        const int64_t left = task.width - column;
        over(left < kTileCols ? left : kTileCols, [&](auto access, int64_t c) {
          access.store(out + c, access.load(sums[row] + c) * inverse[r + row]);
        });
      }
    }
  }
}

template <class In, class E>
void attention_with(const AttentionTask& task, void* workspace) {
  [[maybe_unused]] const typename E::Scope scope{};
  const AttentionPlan plan(task, E());
  char* memory = static_cast<char*>(workspace);
  pack_keys<In, E>(task, plan, reinterpret_cast<typename E::Type*>(memory + plan.k));
  pack_values<In, E>(task, plan, reinterpret_cast<typename E::Type*>(memory + plan.v));
  for (int64_t begin = 0; begin < task.queries; begin += E::kQueryRows) {
    const int64_t left = task.queries - begin;
    attention_block<In, E>(task, plan, begin, left < E::kQueryRows ? left : E::kQueryRows, memory);
  }
}

// f(the type of the task's elements, what its matmuls multiply).
template <class F>
void with_elements(const AttentionTask& task, F f) {
  if (task.dtype == DType::kFloat32) return f(float{}, FloatElement());
#if defined(__AMX_BF16__)
  // How tiles group a sum depends on where its keys begin, and with the causal rule that depends on
  // how queries are divided among threads.
  if (!task.causal && task.width % BFloat16Tiles::kKeys == 0) {
    return f(uint16_t{}, BFloat16Tiles());
  }
#endif
#if defined(__AVX512BF16__)
  f(uint16_t{}, BFloat16Element());
#else
  f(uint16_t{}, FloatElement());
#endif
}

size_t attention_workspace(const AttentionTask& task) {
  size_t bytes = 0;
  with_elements(task, [&](auto, auto element) { bytes = AttentionPlan(task, element).bytes; });
  return bytes;
}

void attention(const AttentionTask& task, void* workspace) {
  with_elements(task, [&](auto in, auto element) {
    attention_with<decltype(in), decltype(element)>(task, workspace);
  });
}

}  // namespace
}  // namespace echo::cpu
