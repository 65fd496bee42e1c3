#include "engine/parameter_values.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>
#include <optional>
#include <type_traits>

#include "base/ascii.h"
#include "base/error.h"

namespace echo {
namespace {

// What the published demonstration sets when its user asks to hold the speaker.
constexpr double kForcedSpeakerScale = 1.5;

[[noreturn]] void refuse(const ParameterInfo& info, const std::string& found) {
  throw_invalid(std::string(info.name) + ": found " + found + ", expected " + expected_value(info));
}

template <class T>
bool parse_whole(std::string_view text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

// Values whose text overflows T: large, but numbers.
double parse_number(const ParameterInfo& info, std::string_view text) {
  double value = 0;
  if (!parse_whole(trimmed(text), value) || !std::isfinite(value)) refuse(info, shown_value(text));
  return value;
}

template <class T>
T parse_integer(const ParameterInfo& info, std::string_view text) {
  T value = 0;
  if (parse_whole(trimmed(text), value)) return value;
  const double number = parse_number(info, text);
  const bool exact = number == std::floor(number) && std::abs(number) <= 0x1p53;
  if (!exact || (std::is_unsigned_v<T> && number < 0)) refuse(info, shown_value(text));
  return static_cast<T>(number);
}

bool parse_boolean(const ParameterInfo& info, std::string_view text) {
  text = trimmed(text);
  if (text == "true" || text == "1") return true;
  if (text == "false" || text == "0") return false;
  refuse(info, shown_value(text));
}

std::vector<int64_t> parse_list(const ParameterInfo& info, std::string_view text) {
  std::string_view rest = trimmed(text);
  if (rest.size() >= 2 && rest.front() == '[' && rest.back() == ']') {
    rest = trimmed(rest.substr(1, rest.size() - 2));
  }
  std::vector<int64_t> values;
  while (!rest.empty()) {
    const size_t comma = rest.find(',');
    values.push_back(parse_integer<int64_t>(info, rest.substr(0, comma)));
    if (values.size() > kMaxFrames) refuse(info, "more than " + std::to_string(kMaxFrames));
    if (comma == std::string_view::npos) break;
    rest = rest.substr(comma + 1);
    if (rest.empty()) refuse(info, shown_value(text));
  }
  return values;
}

constexpr size_t kLongestWord = 40;

// "whooshes, clanks" or ["whooshes","clanks"]
std::vector<std::string> parse_words(const ParameterInfo& info, std::string_view text) {
  std::string_view rest = trimmed(text);
  if (rest.size() >= 2 && rest.front() == '[' && rest.back() == ']') {
    rest = trimmed(rest.substr(1, rest.size() - 2));
  }
  std::vector<std::string> words;
  while (!rest.empty()) {
    const size_t comma = std::min(rest.find(','), rest.size());
    std::string_view word = trimmed(rest.substr(0, comma));
    if (word.size() >= 2 && word.front() == '"' && word.back() == '"') {
      word = word.substr(1, word.size() - 2);
    }
    const bool plain = std::all_of(word.begin(), word.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == ' ' || c == '-' || c == '\'';
    });
    if (word.empty() || word.size() > kLongestWord || !plain) refuse(info, shown_value(word));
    words.emplace_back(word);
    rest.remove_prefix(std::min(comma + 1, rest.size()));
  }
  return words;
}

void check_range(const ParameterInfo& info, double value, const std::string& text) {
  // Written so that NaN fails.
  if (!(value >= info.minimum && value <= info.maximum)) refuse(info, text);
}

struct ParseInto {
  const ParameterInfo& info;
  std::string_view text;
  void operator()(int64_t* field) const { *field = parse_integer<int64_t>(info, text); }
  void operator()(uint64_t* field) const { *field = parse_integer<uint64_t>(info, text); }
  void operator()(double* field) const { *field = parse_number(info, text); }
  void operator()(bool* field) const { *field = parse_boolean(info, text); }
  void operator()(std::optional<int64_t>* field) const {
    *field = parse_integer<int64_t>(info, text);
  }
  void operator()(std::optional<double>* field) const {
    const std::string_view word = trimmed(text);
    if (info.type == ParameterType::kNumberOrBoolean && (word == "true" || word == "false")) {
      *field = word == "true" ? std::optional(kForcedSpeakerScale) : std::nullopt;
    } else {
      *field = parse_number(info, text);
    }
  }
  void operator()(std::vector<int64_t>* field) const { *field = parse_list(info, text); }
  void operator()(std::vector<std::string>* field) const { *field = parse_words(info, text); }
  // The choices stand in the order of the enumeration.
  template <class Choice>
  requires std::is_enum_v<Choice>
  void operator()(Choice* field) const {
    const std::vector<std::string_view> names = choices_of(info);
    const auto found = std::find(names.begin(), names.end(), trimmed(text));
    if (found == names.end()) refuse(info, shown_value(text));
    *field = static_cast<Choice>(found - names.begin());
  }
  void operator()(AutoFrames field) const {
    const bool automatic = trimmed(text) == "auto";
    *field.frames = automatic ? kAutoFrames : parse_integer<int64_t>(info, text);
    if (!automatic && *field.frames == kAutoFrames) refuse(info, shown_value(text));
  }
  // Blocks that are added after those of a list have as many steps as its last.
  void operator()(Steps field) const {
    std::vector<int64_t> each;
    if (text.find_first_of(",[") != text.npos) each = parse_list(info, text);
    const int64_t all = each.empty() ? parse_integer<int64_t>(info, text) : each.back();
    *field.each = std::move(each);
    *field.all = all;
  }
  void operator()(Profile* field) const { *field = parse_profile(trimmed(text)); }
  void operator()(Continuity* field) const {
    for (const Continuity value : {Continuity::kNone, Continuity::kParagraph, Continuity::kText}) {
      if (trimmed(text) == continuity_name(value)) {
        *field = value;
        return;
      }
    }
    refuse(info, shown_value(text));
  }
};

struct CheckRange {
  const ParameterInfo& info;
  void operator()(const int64_t* field) const {
    check_range(info, static_cast<double>(*field), std::to_string(*field));
  }
  void operator()(const uint64_t*) const {}  // every value is one of the range
  void operator()(const double* field) const { check_range(info, *field, number_text(*field)); }
  void operator()(const bool*) const {}
  void operator()(AutoFrames field) const {
    if (*field.frames != kAutoFrames) (*this)(const_cast<const int64_t*>(field.frames));
  }
  void operator()(Steps field) const {
    (*this)(const_cast<const int64_t*>(field.all));
    for (const int64_t& steps : *field.each) (*this)(&steps);
  }
  void operator()(const std::vector<std::string>* field) const {
    const std::string count = std::to_string(field->size()) + " words";
    check_range(info, static_cast<double>(field->size()), count);
  }
  template <class Choice>
  requires std::is_enum_v<Choice>
  void operator()(const Choice*) const {}
  void operator()(const std::optional<int64_t>* field) const {
    if (*field) (*this)(&**field);
  }
  void operator()(const std::optional<double>* field) const {
    if (*field) (*this)(&**field);
  }
  void operator()(const std::vector<int64_t>* field) const {
    for (const int64_t& value : *field) (*this)(&value);
    const int64_t sum = std::accumulate(field->begin(), field->end(), int64_t{0});
    if (sum > kMaxFrames) refuse(info, "a sum of " + std::to_string(sum));
  }
};

struct TextOf {
  const ParameterInfo& info;
  std::string operator()(const int64_t* field) const { return std::to_string(*field); }
  std::string operator()(const uint64_t* field) const { return std::to_string(*field); }
  std::string operator()(const double* field) const { return number_text(*field); }
  std::string operator()(const bool* field) const { return *field ? "true" : "false"; }
  std::string operator()(AutoFrames field) const {
    return *field.frames == kAutoFrames ? "auto" : std::to_string(*field.frames);
  }
  std::string operator()(Steps field) const {
    return field.each->empty() ? (*this)(const_cast<const int64_t*>(field.all))
                               : (*this)(const_cast<const std::vector<int64_t>*>(field.each));
  }
  std::string operator()(const Profile* field) const { return std::string(profile_name(*field)); }
  std::string operator()(const Continuity* field) const {
    return std::string(continuity_name(*field));
  }
  template <class Choice>
  requires std::is_enum_v<Choice> std::string operator()(const Choice* field) const {
    return std::string(choices_of(info)[static_cast<size_t>(*field)]);
  }
  std::string operator()(const std::vector<std::string>* field) const {
    std::string text;
    for (const std::string& word : *field) text += (text.empty() ? "\"" : ", \"") + word + "\"";
    return "[" + text + "]";
  }
  template <class T>
  std::string operator()(const std::optional<T>* field) const {
    return *field ? (*this)(&**field) : "null";
  }
  std::string operator()(const std::vector<int64_t>* field) const {
    std::string text;
    for (const int64_t value : *field) text += (text.empty() ? "" : ", ") + std::to_string(value);
    return "[" + text + "]";
  }
};

}  // namespace

void read_value(const Parameter& parameter, std::string_view text, SpeechParameters& parameters) {
  std::visit(ParseInto{parameter.info, text}, parameter.field(parameters));
}

void check_value(const Parameter& parameter, const SpeechParameters& parameters) {
  SpeechParameters copy = parameters;
  std::visit(CheckRange{parameter.info}, parameter.field(copy));
}

std::string value_text(const Parameter& parameter, const SpeechParameters& parameters) {
  SpeechParameters copy = parameters;
  return std::visit(TextOf{parameter.info}, parameter.field(copy));
}

void copy_value(const Parameter& parameter, const SpeechParameters& from, SpeechParameters& to) {
  SpeechParameters source = from;
  const Field given = parameter.field(source);
  std::visit(
      [&](auto field) {
        if constexpr (std::is_same_v<decltype(field), AutoFrames>) {
          *field.frames = *std::get<AutoFrames>(given).frames;
        } else if constexpr (std::is_same_v<decltype(field), Steps>) {
          *field.all = *std::get<Steps>(given).all;
          *field.each = *std::get<Steps>(given).each;
        } else {
          *field = *std::get<decltype(field)>(given);
        }
      },
      parameter.field(to));
}

std::string shown_value(std::string_view text) {
  std::string result;
  for (const char c : text.substr(0, 40)) result += c >= 0x20 && c < 0x7f ? c : '?';
  return text.size() > 40 ? result + "..." : result;
}

}  // namespace echo
