#include "engine/speech_parameters.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <numeric>
#include <variant>

#include "base/error.h"

namespace echo {
namespace {

static_assert(kMaxFrames == 640);  // as the table writes it

// A number of frames of which 0 means that the text decides.
struct AutoFrames {
  int64_t* frames;
};
// Steps of all blocks alike, or of each.
struct Steps {
  int64_t* all;
  std::vector<int64_t>* each;
};
using Field = std::variant<int64_t*, uint64_t*, double*, bool*, std::optional<int64_t>*,
                           std::optional<double>*, std::vector<int64_t>*, AutoFrames, Steps, Profile*,
                           Continuity*, NumberStyle*, ParenthesesStyle*, EmojiStyle*, CodeStyle*,
                           DateOrder*, std::vector<std::string>*, Solver*>;
using Integer = std::variant<int64_t, uint64_t>;

struct Parameter {
  ParameterInfo info;
  Field (*field)(SpeechParameters&);
};

constexpr double kLargestSeed = 18446744073709551615.0;
// Below this a factor is taken for a mistake, and dividing by it again would lose all precision.
constexpr double kSmallestFactor = 0.01;
// What the published demonstration sets when its user asks to hold the speaker.
constexpr double kForcedSpeakerScale = 1.5;
constexpr double kForcedSpeakerMinT = 0.9;
constexpr int64_t kForcedSpeakerLayers = 24;

#define ECHO_PARAMETER(name, type, default_text, minimum, maximum, help) \
  Parameter {                                                            \
    {#name, ParameterType::type, default_text, minimum, maximum, help},  \
        [](SpeechParameters& p) -> Field { return &p.name; }             \
  }

// Where the natural profile has another default.
#define ECHO_PROFILE_PARAMETER(name, type, default_text, natural_text, minimum, maximum, help) \
  Parameter {                                                                                  \
    {#name, ParameterType::type, default_text, minimum, maximum, help, natural_text},          \
        [](SpeechParameters& p) -> Field { return &p.name; }                                   \
  }

// One of a few words; the first is the default.
#define ECHO_CHOICE(name, choices, default_text, help)              \
  Parameter {                                                       \
    {#name, ParameterType::kChoice,         default_text, 0,        \
     1,     help " (with text_processing)", {},           choices}, \
        [](SpeechParameters& p) -> Field { return &p.name; }        \
  }

const std::array<Parameter, 35>& parameters_in_order() {
  static const std::array<Parameter, 35> table = {
      ECHO_PARAMETER(seed, kInteger, "0", 0, kLargestSeed,
                     "start of the noise; the same seed and settings give the same audio"),
      Parameter{{"profile", ParameterType::kProfile, "published", 0, 1,
                 "what everything else defaults to: as the published pipeline, or as a listener "
                 "wants it",
                 "natural"},
                [](SpeechParameters& p) -> Field { return &p.profile; }},
      Parameter{{"num_steps", ParameterType::kIntegerOrList, "40", 1, 1000,
                 "steps from noise to speech; more take longer and change little beyond 40"},
                [](SpeechParameters& p) -> Field { return Steps{&p.num_steps, &p.block_steps}; }},
      Parameter{{"solver",
                 ParameterType::kChoice,
                 "euler",
                 0,
                 1,
                 "how a step is computed: euler as published; ab2 uses the velocity of the step "
                 "before too; heun computes two velocities in a step",
                 {},
                 "euler ab2 heun"},
                [](SpeechParameters& p) -> Field { return &p.solver; }},
      ECHO_PARAMETER(cfg_scale_text, kNumber, "3", 0, 100,
                     "how strongly the text guides; 0 saves that part of the work"),
      ECHO_PARAMETER(cfg_scale_speaker, kNumber, "8", 0, 100,
                     "how strongly the reference voice guides; 0 saves that part of the work"),
      ECHO_PARAMETER(cfg_min_t, kNumber, "0.5", 0, 1,
                     "guidance acts at times from cfg_min_t; time runs from 0.999 down to 0"),
      ECHO_PARAMETER(cfg_max_t, kNumber, "1", 0, 1, "guidance acts at times up to cfg_max_t"),
      ECHO_PARAMETER(cfg_interval, kInteger, "1", 1, 1000,
                     "guidance is computed in every so many evaluations, and used again in those "
                     "between"),
      ECHO_PARAMETER(truncation_factor, kNumber, "null", kSmallestFactor, 2,
                     "multiplies the noise; 0.8 sounds flatter and steadier"),
      ECHO_PARAMETER(rescale_k, kNumber, "null", kSmallestFactor, 100,
                     "temporal score rescaling, together with rescale_sigma"),
      ECHO_PARAMETER(rescale_sigma, kNumber, "null", kSmallestFactor, 100,
                     "temporal score rescaling, together with rescale_k"),
      ECHO_PARAMETER(speaker_kv_scale, kNumber, "null", kSmallestFactor, 10,
                     "multiplies the voice's keys and values: above 1 holds a voice that drifts "
                     "away from the reference"),
      ECHO_PARAMETER(speaker_kv_max_layers, kInteger, "null", 0, 1000,
                     "speaker_kv_scale acts in this many first layers; without it in all"),
      ECHO_PARAMETER(speaker_kv_min_t, kNumber, "null", 0, 1,
                     "speaker_kv_scale acts down to this time; without it to the end"),
      Parameter{
          {"sequence_length", ParameterType::kIntegerOrAuto, "640", 1, kMaxFrames,
           "frames of one generation, 21.53 a second; auto: as many as the text needs", "auto"},
          [](SpeechParameters& p) -> Field { return AutoFrames{&p.sequence_length}; }},
      ECHO_PARAMETER(block_sizes, kIntegerList, "[]", 1, kMaxFrames,
                     "frames of successive blocks, each of which hears the ones before; replaces "
                     "sequence_length"),
      ECHO_PROFILE_PARAMETER(
          max_chars_per_chunk, kInteger, "300", "240", 0, 4000,
          "a longer text is spoken in chunks of at most so many characters; 0: in one"),
      ECHO_PROFILE_PARAMETER(target_duration_seconds, kNumber, "10", "20", 1, 60,
                             "a chunk holds what is spoken in about this time"),
      ECHO_PROFILE_PARAMETER(
          text_processing, kBoolean, "false", "true", 0, 1,
          "reads numbers, abbreviations, links and markup as people do, and cuts at "
          "sentence ends"),
      ECHO_PARAMETER(paragraph_pause, kNumber, "0.6", 0, 3,
                     "seconds of silence between paragraphs, with text_processing"),
      ECHO_CHOICE(numbers, "auto words digits", "auto",
                  "auto leaves whole numbers of up to four digits as they are, words none, digits "
                  "all"),
      ECHO_CHOICE(parentheses, "commas keep drop", "commas",
                  "what becomes of (remarks): parted by commas, left for the model to hear a sound "
                  "in, left out"),
      ECHO_CHOICE(emoji, "drop sounds", "drop", "sounds makes some of them (laughs) and the like"),
      ECHO_CHOICE(code, "drop read", "drop", "what becomes of blocks of code"),
      ECHO_CHOICE(date_order, "month_first day_first", "month_first", "how 3/5/2024 is read"),
      ECHO_PARAMETER(sound_events, kWordList, "[]", 0, 64,
                     "further words that in parentheses are sounds, as (laughs) is (with "
                     "text_processing)"),
      ECHO_PROFILE_PARAMETER(
          natural_pauses, kBoolean, "false", "true", 0, 1,
          "gives the pauses between chunks the length that the punctuation asks for"),
      ECHO_PARAMETER(normalize_boundaries, kBoolean, "true", 0, 1,
                     "gives the pauses between chunks the same length"),
      ECHO_PARAMETER(enable_crossfade, kBoolean, "true", 0, 1,
                     "crossfades the chunks when normalize_boundaries is off"),
      ECHO_PROFILE_PARAMETER(
          max_rerolls, kInteger, "0", "2", 0, 5,
          "further takes of a chunk whose first one is faulty, with other seeds"),
      ECHO_PROFILE_PARAMETER(trim_head, kBoolean, "false", "true", 0, 1,
                             "shortens a long silence at the beginning"),
      ECHO_PROFILE_PARAMETER(trim_tail, kBoolean, "false", "true", 0, 1,
                             "shortens the silence at the end"),
      ECHO_PARAMETER(continuity, kContinuity, "none", 0, 2,
                     "what a chunk hears of those before it: none, paragraph or text"),
      ECHO_PARAMETER(force_speaker, kNumberOrBoolean, "null", 0.5, 3,
                     "holds a voice that drifts away from its reference: true sets "
                     "speaker_kv_scale 1.5, speaker_kv_min_t 0.9 and speaker_kv_max_layers 24, "
                     "unless they are given; a number is the scale, 1.1 to 1.3 is often enough"),
  };
  return table;
}

#undef ECHO_PARAMETER
#undef ECHO_PROFILE_PARAMETER
#undef ECHO_CHOICE

const Parameter* find_parameter(std::string_view name) {
  for (const Parameter& parameter : parameters_in_order()) {
    if (parameter.info.name == name) return &parameter;
  }
  return nullptr;
}

std::string number_text(double value) {
  std::array<char, 32> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  return std::string(text.data(), end);
}

// A value from outside, fit for one line of a message.
std::string shown(std::string_view text) {
  std::string result;
  for (const char c : text.substr(0, 40)) result += c >= 0x20 && c < 0x7f ? c : '?';
  return text.size() > 40 ? result + "..." : result;
}

[[noreturn]] void refuse(const ParameterInfo& info, const std::string& found) {
  throw_invalid(std::string(info.name) + ": found " + found + ", expected " + expected_value(info));
}

std::string_view trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

template <class T>
bool parse_whole(std::string_view text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

// Values whose text overflows T: large, but numbers.
double parse_number(const ParameterInfo& info, std::string_view text) {
  double value = 0;
  if (!parse_whole(trimmed(text), value) || !std::isfinite(value)) refuse(info, shown(text));
  return value;
}

template <class T>
T parse_integer(const ParameterInfo& info, std::string_view text) {
  T value = 0;
  if (parse_whole(trimmed(text), value)) return value;
  const double number = parse_number(info, text);
  const bool exact = number == std::floor(number) && std::abs(number) <= 0x1p53;
  if (!exact || (std::is_unsigned_v<T> && number < 0)) refuse(info, shown(text));
  return static_cast<T>(number);
}

bool parse_boolean(const ParameterInfo& info, std::string_view text) {
  text = trimmed(text);
  if (text == "true" || text == "1") return true;
  if (text == "false" || text == "0") return false;
  refuse(info, shown(text));
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
    if (rest.empty()) refuse(info, shown(text));
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
    if (word.empty() || word.size() > kLongestWord || !plain) refuse(info, shown(word));
    words.emplace_back(word);
    rest.remove_prefix(std::min(comma + 1, rest.size()));
  }
  return words;
}

// The words of ParameterInfo::choices.
std::vector<std::string_view> choices_of(const ParameterInfo& info) {
  std::vector<std::string_view> names;
  for (std::string_view rest = info.choices; !rest.empty();) {
    const size_t space = std::min(rest.find(' '), rest.size());
    names.push_back(rest.substr(0, space));
    rest.remove_prefix(std::min(space + 1, rest.size()));
  }
  return names;
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
    if (found == names.end()) refuse(info, shown(text));
    *field = static_cast<Choice>(found - names.begin());
  }
  void operator()(AutoFrames field) const {
    const bool automatic = trimmed(text) == "auto";
    *field.frames = automatic ? kAutoFrames : parse_integer<int64_t>(info, text);
    if (!automatic && *field.frames == kAutoFrames) refuse(info, shown(text));
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
    refuse(info, shown(text));
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

std::span<const ParameterInfo> parameter_table() {
  static const std::vector<ParameterInfo> table = [] {
    std::vector<ParameterInfo> infos;
    for (const Parameter& parameter : parameters_in_order()) infos.push_back(parameter.info);
    return infos;
  }();
  return table;
}

std::string expected_value(const ParameterInfo& info) {
  const std::string minimum = number_text(info.minimum);
  const std::string maximum = info.maximum == kLargestSeed ? "18446744073709551615"  // 2^64 - 1
                                                           : number_text(info.maximum);
  const std::string range = " from " + minimum + " to " + maximum;
  switch (info.type) {
    case ParameterType::kInteger:
      return "an integer" + range;
    case ParameterType::kNumber:
      return "a number" + range;
    case ParameterType::kBoolean:
      return "true or false";
    case ParameterType::kIntegerOrAuto:
      return "an integer" + range + ", or auto";
    case ParameterType::kIntegerOrList:
      return "an integer" + range + ", or one for each of block_sizes";
    case ParameterType::kProfile:
      return "published or natural";
    case ParameterType::kContinuity:
      return "none, paragraph or text";
    case ParameterType::kChoice: {
      std::string names;
      const std::vector<std::string_view> all = choices_of(info);
      for (size_t i = 0; i < all.size(); ++i) {
        names += (i == 0 ? "" : i + 1 == all.size() ? " or " : ", ") + std::string(all[i]);
      }
      return names;
    }
    case ParameterType::kNumberOrBoolean:
      return "true, false or a number" + range;
    case ParameterType::kWordList:
      return "at most " + maximum + " words of letters, spaces, hyphens and apostrophes";
    case ParameterType::kIntegerList:
      break;
  }
  return "integers" + range + " with a sum of at most " + maximum;
}

std::string default_value(const ParameterInfo& info) {
  const std::string published(info.default_text);
  if (info.natural_text.empty()) return published;
  return std::string(info.natural_text) + "; published: " + published;
}

SpeechParameters parameters_of(Profile profile) {
  SpeechParameters parameters;
  apply_profile(profile, parameters);
  return parameters;
}

void apply_profile(Profile profile, SpeechParameters& parameters) {
  const bool natural = profile == Profile::kNatural;
  parameters.profile = profile;
  for (const Parameter& parameter : parameters_in_order()) {
    const ParameterInfo& info = parameter.info;
    if (info.natural_text.empty() || info.type == ParameterType::kProfile) continue;
    std::visit(ParseInto{info, natural ? info.natural_text : info.default_text},
               parameter.field(parameters));
  }
}

void apply_force_speaker(SpeechParameters& parameters) {
  if (!parameters.force_speaker) return;
  if (!parameters.speaker_kv_scale) parameters.speaker_kv_scale = parameters.force_speaker;
  if (!parameters.speaker_kv_min_t) parameters.speaker_kv_min_t = kForcedSpeakerMinT;
  if (!parameters.speaker_kv_max_layers) parameters.speaker_kv_max_layers = kForcedSpeakerLayers;
}

std::string_view continuity_name(Continuity continuity) {
  switch (continuity) {
    case Continuity::kNone:
      return "none";
    case Continuity::kParagraph:
      return "paragraph";
    case Continuity::kText:
      break;
  }
  return "text";
}

std::string_view profile_name(Profile profile) {
  return profile == Profile::kNatural ? "natural" : "published";
}

Profile parse_profile(std::string_view name, std::string_view field) {
  for (const Profile profile : {Profile::kPublished, Profile::kNatural}) {
    if (name == profile_name(profile)) return profile;
  }
  throw_invalid(std::string(field) + ": found " + shown(name) + ", expected published or natural");
}

bool set_parameter(SpeechParameters& parameters, std::string_view name, std::string_view text) {
  const Parameter* parameter = find_parameter(name);
  if (!parameter) return false;
  SpeechParameters changed = parameters;
  if (trimmed(text) == "null") {
    SpeechParameters defaults = parameters_of(parameters.profile);
    const Field from = parameter->field(defaults);
    std::visit(
        [&](auto field) {
          if constexpr (std::is_same_v<decltype(field), AutoFrames>) {
            *field.frames = *std::get<AutoFrames>(from).frames;
          } else if constexpr (std::is_same_v<decltype(field), Steps>) {
            *field.all = *std::get<Steps>(from).all;
            *field.each = *std::get<Steps>(from).each;
          } else {
            *field = *std::get<decltype(field)>(from);
          }
        },
        parameter->field(changed));
  } else {
    std::visit(ParseInto{parameter->info, text}, parameter->field(changed));
    std::visit(CheckRange{parameter->info}, parameter->field(changed));
    if (parameter->info.type == ParameterType::kProfile) apply_profile(changed.profile, changed);
  }
  parameters = std::move(changed);
  return true;
}

std::string parameter_text(const SpeechParameters& parameters, std::string_view name) {
  const Parameter* parameter = find_parameter(name);
  if (!parameter) throw_invalid("parameter " + shown(name) + ": there is none of this name");
  SpeechParameters copy = parameters;
  return std::visit(TextOf{parameter->info}, parameter->field(copy));
}

void validate(const SpeechParameters& parameters) {
  SpeechParameters copy = parameters;
  for (const Parameter& parameter : parameters_in_order()) {
    std::visit(CheckRange{parameter.info}, parameter.field(copy));
  }
  if (!parameters.block_steps.empty() &&
      parameters.block_steps.size() != parameters.block_sizes.size()) {
    throw_invalid("num_steps: found a list of " + std::to_string(parameters.block_steps.size()) +
                  ", expected one for each of block_sizes, which are " +
                  std::to_string(parameters.block_sizes.size()));
  }
  if (parameters.cfg_min_t > parameters.cfg_max_t) {
    throw_invalid("cfg_min_t: found " + number_text(parameters.cfg_min_t) +
                  ", expected at most cfg_max_t, which is " + number_text(parameters.cfg_max_t));
  }
}

std::vector<std::string> parameter_warnings(const SpeechParameters& parameters) {
  std::vector<std::string> warnings;
  if (parameters.rescale_k.has_value() != parameters.rescale_sigma.has_value()) {
    warnings.push_back("rescale_k and rescale_sigma act only together: there is no rescaling");
  }
  if (!parameters.speaker_kv_scale && !parameters.force_speaker &&
      (parameters.speaker_kv_max_layers || parameters.speaker_kv_min_t)) {
    warnings.push_back(
        "speaker_kv_max_layers and speaker_kv_min_t have no effect without speaker_kv_scale");
  }
  if (parameters.force_speaker && parameters.speaker_kv_scale && parameters.speaker_kv_min_t &&
      parameters.speaker_kv_max_layers) {
    warnings.push_back(
        "force_speaker has no effect beside all three of speaker_kv_scale, "
        "speaker_kv_min_t and speaker_kv_max_layers");
  }
  if (parameters.cfg_interval > 1 && parameters.cfg_scale_text == 0 &&
      parameters.cfg_scale_speaker == 0) {
    warnings.push_back("cfg_interval has no effect without guidance");
  }
  if (!parameters.text_processing) {
    const SpeechParameters defaults;
    for (const std::string_view name :
         {"numbers", "parentheses", "emoji", "code", "date_order", "sound_events"}) {
      if (parameter_text(parameters, name) == parameter_text(defaults, name)) continue;
      warnings.push_back(std::string(name) + " has no effect without text_processing");
    }
  }
  if (!parameters.block_sizes.empty() && parameters.sequence_length != kMaxFrames &&
      parameters.sequence_length != kAutoFrames) {
    warnings.push_back("sequence_length has no effect with block_sizes");
  }
  return warnings;
}

}  // namespace echo
