#include "parity/noise_parity.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <random>

#include "base/error.h"
#include "engine/noise.h"

namespace echo::parity {
namespace {

using nlohmann::json;

// The recorded values come from a kernel with its own approximations of log, sin and cos.
constexpr double kTolerance = 5e-6;
constexpr int64_t kMaxDraw = int64_t{1} << 26;
constexpr int64_t kChannels = 80;
constexpr const char* kDrawRow = "normal draws (largest difference)";
constexpr const char* kSumRow = "sums of whole latents (per value)";
constexpr const char* kWordRow = "mt19937 words";
constexpr const char* kScalarPrefix = "scalar_path.";

template <class T>
T number(std::string_view text, const std::string& name) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    throw_corrupt(quoted_name(name) + ": found " + quoted_name(text) + ", expected a number");
  }
  return value;
}

// "3_20_5" -> 3, 20, 5, each times `unit`.
std::vector<int64_t> sizes_in(std::string_view text, int64_t unit, const std::string& name) {
  std::vector<int64_t> sizes;
  while (true) {
    const size_t cut = text.find('_');
    const auto size = number<int64_t>(text.substr(0, cut), name);
    if (size < 0 || size > kMaxDraw / unit) {
      throw_corrupt(quoted_name(name) + ": " + std::to_string(size) + " values are out of range");
    }
    sizes.push_back(size * unit);
    if (cut == text.npos) return sizes;
    text.remove_prefix(cut + 1);
  }
}

// Takes `prefix` off the front, if it is there.
bool take(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

// "seed_-1.n_17": the seed, and what was drawn. A negative seed is its two's complement.
struct DrawName {
  explicit DrawName(const std::string& name) {
    std::string_view text = name;
    take(text, kScalarPrefix);
    const size_t point = text.find('.');
    if (!take(text, "seed_") || point == text.npos) {
      throw_corrupt(quoted_name(name) + ": expected a name that begins with seed_N.");
    }
    const std::string_view digits = text.substr(0, text.find('.'));
    seed = digits.starts_with('-') ? static_cast<uint64_t>(number<int64_t>(digits, name))
                                   : number<uint64_t>(digits, name);
    what = text.substr(digits.size() + 1);
  }
  uint64_t seed = 0;
  std::string what;
};

// "shape_1_640_80": the number of values.
int64_t elements_of(std::string_view shape, const std::string& name) {
  if (!take(shape, "shape_")) throw_corrupt(quoted_name(name) + ": expected shape_A_B_C");
  int64_t elements = 1;
  for (const int64_t dim : sizes_in(shape, 1, name)) {
    if (dim == 0 || elements > kMaxDraw / dim) {
      throw_corrupt(quoted_name(name) + ": the shape is out of range");
    }
    elements *= dim;
  }
  return elements;
}

// Draws one after the other, of each the first `keep` values.
std::vector<float> draw_sequence(NoiseGenerator& generator, const std::vector<int64_t>& sizes,
                                 int64_t keep) {
  std::vector<float> result;
  for (const int64_t size : sizes) {
    const std::vector<float> part = generator.draw(size);
    result.insert(result.end(), part.begin(), part.begin() + std::min(size, keep));
  }
  return result;
}

// What the name says was drawn.
std::vector<float> draw_again(const std::string& name) {
  const DrawName draw(name);
  NoiseGenerator generator(NoiseKind::kCpu, draw.seed);
  std::string_view what = draw.what;
  if (take(what, "n_")) return generator.draw(sizes_in(what, 1, name).at(0));
  if (take(what, "seq_blocks_")) {
    return draw_sequence(generator, sizes_in(what, kChannels, name), 32);
  }
  if (take(what, "seq_")) return draw_sequence(generator, sizes_in(what, 1, name), kMaxDraw);
  const size_t point = what.find('.');
  if (point == what.npos) throw_corrupt(quoted_name(name) + ": not a known kind of draw");
  const std::vector<float> all = generator.draw(elements_of(what.substr(0, point), name));
  what.remove_prefix(point + 1);
  const bool first = what.starts_with("first");
  if (!first && !what.starts_with("last")) {
    throw_corrupt(quoted_name(name) + ": expected .firstN or .lastN");
  }
  const auto count = number<size_t>(what.substr(first ? 5 : 4), name);
  const std::span<const float> values(all);
  if (count > values.size()) throw_corrupt(quoted_name(name) + ": more than was drawn");
  const auto part = first ? values.first(count) : values.last(count);
  return {part.begin(), part.end()};
}

bool same_words(const DrawName& draw, const std::vector<int64_t>& words) {
  std::mt19937 engine(static_cast<uint32_t>(draw.seed));
  return std::all_of(words.begin(), words.end(),
                     [&](int64_t word) { return word == static_cast<int64_t>(engine()); });
}

void check_sums(const std::string& name, const json& expected, Report& report) {
  const DrawName draw(name);
  const int64_t count = elements_of(draw.what, name);
  double sum = 0, squares = 0;
  float least = std::numeric_limits<float>::infinity(), largest = -least;
  for (const float x : NoiseGenerator(NoiseKind::kCpu, draw.seed).draw(count)) {
    sum += x;
    squares += double{x} * x;
    least = std::min(least, x);
    largest = std::max(largest, x);
  }
  const auto n = static_cast<double>(count);
  const auto add = [&](const char* field, double value, double share) {
    report.add(kSumRow, name + " " + field,
               {std::abs(value - expected.at(field).get<double>()) / share, kTolerance});
  };
  add("sum", sum, n);
  add("sumsq", squares, n);
  add("min", least, 1);
  add("max", largest, 1);
}

}  // namespace

void check_draws(const GoldenSet& set, Report& report) {
  bool uniform = false;
  for (const TensorView& tensor : set.file("randn")->tensors()) {
    const std::string& name = tensor.name;
    if (name.find(".rand_") != name.npos) {
      uniform = true;
    } else if (name.ends_with(".mt19937_u32")) {
      report.attempt(kWordRow, name, [&] {
        report.add(kWordRow, name, same_words(DrawName(name), tensor.to_int64()));
      });
    } else {
      report.attempt(kDrawRow, name, [&] {
        report.add(kDrawRow, name,
                   {largest_difference(draw_again(name), tensor.to_float32()), kTolerance});
      });
    }
  }
  if (uniform) report.leave_out("randn/*.rand_*", "uniform draws: the model has none");
  for (const char* section : {"big", "big_scalar_path"}) {
    if (!set.manifest().contains(section)) continue;
    for (const auto& [name, expected] : set.manifest().at(section).items()) {
      report.attempt(kSumRow, name,
                     [&, &draw = name, &sums = expected] { check_sums(draw, sums, report); });
    }
  }
}

void check_noise_of_seed(const GoldenSet& set, uint64_t seed,
                         const std::vector<std::string>& tensors, Report& report) {
  NoiseGenerator generator(NoiseKind::kCpu, seed);
  for (const std::string& name : tensors) {
    report.attempt(kDrawRow, name, [&] {
      const std::vector<float> recorded = set.floats(name);
      const std::vector<float> drawn = generator.draw(static_cast<int64_t>(recorded.size()));
      report.add(kDrawRow, name, {largest_difference(drawn, recorded), kTolerance});
    });
  }
}

}  // namespace echo::parity
