#include "engine/parameter_table.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace echo {
namespace {

static_assert(kMaxFrames == 640);  // as the table writes it

constexpr double kMaxSeed = 18446744073709551615.0;
// Below this a factor is taken for a mistake, and dividing by it again would lose all precision.
constexpr double kMinFactor = 0.01;
// Characters a second within what a strand takes for a pace, see strand.h.
constexpr double kSlowestPace = 6.5, kFastestPace = 23.5;

}  // namespace

// A row: where the value lies, then the members of ParameterInfo.
#define ECHO_ROW(field, ...)                                          \
  Parameter {                                                         \
    {__VA_ARGS__}, [](SpeechParameters& p) -> Field { return field; } \
  }

#define ECHO_PARAMETER(name, type, default_text, minimum, maximum, help) \
  ECHO_ROW(&p.name, #name, ParameterType::type, default_text, minimum, maximum, help)

// Where the natural profile has another default.
#define ECHO_PROFILE_PARAMETER(name, type, default_text, natural_text, minimum, maximum, help) \
  ECHO_ROW(&p.name, #name, ParameterType::type, default_text, minimum, maximum, help, natural_text)

// One of a few words; the first is the default.
#define ECHO_CHOICE(name, choices, default_text, help) \
  ECHO_ROW(&p.name, #name, ParameterType::kChoice, default_text, 0, 1, help, {}, choices)
#define ECHO_TEXT_CHOICE(name, choices, default_text, help) \
  ECHO_CHOICE(name, choices, default_text, help " (with text_processing)")

std::span<const Parameter> parameters_in_order() {
  static const std::array<Parameter, 36> table = {
      ECHO_PARAMETER(seed, kInteger, "0", 0, kMaxSeed,
                     "Seed of the noise; the same seed and settings give the same audio"),
      ECHO_PROFILE_PARAMETER(profile, kProfile, "published", "natural", 0, 1,
                             "Profile that sets what everything else defaults to: as the published "
                             "pipeline, or as a listener wants it"),
      ECHO_ROW((Steps{&p.num_steps, &p.block_steps}), "num_steps", ParameterType::kIntegerOrList,
               "40", 1, 1000,
               "Steps from noise to speech; more take longer and change little beyond 40"),
      ECHO_CHOICE(solver, "euler ab2 heun", "euler",
                  "Way to compute a step: euler as published; ab2 uses the velocity of the step "
                  "before too; heun computes two velocities in a step"),
      ECHO_PARAMETER(cfg_scale_text, kNumber, "3", 0, 100,
                     "Strength of the text's guidance; 0 saves that part of the work"),
      ECHO_PARAMETER(cfg_scale_speaker, kNumber, "8", 0, 100,
                     "Strength of the voice's guidance; 0 saves that part of the work"),
      ECHO_PARAMETER(cfg_min_t, kNumber, "0.5", 0, 1,
                     "Lowest time at which guidance acts; time runs from 0.999 down to 0"),
      ECHO_PARAMETER(cfg_max_t, kNumber, "1", 0, 1, "Highest time at which guidance acts"),
      ECHO_PARAMETER(cfg_interval, kInteger, "1", 1, 1000,
                     "Compute guidance in every so many evaluations, and use it again in those "
                     "between"),
      ECHO_PARAMETER(truncation_factor, kNumber, "null", kMinFactor, 2,
                     "Factor of the noise; 0.8 sounds flatter and steadier"),
      ECHO_PARAMETER(rescale_k, kNumber, "null", kMinFactor, 100,
                     "Parameter k of temporal score rescaling, together with rescale_sigma"),
      ECHO_PARAMETER(rescale_sigma, kNumber, "null", kMinFactor, 100,
                     "Parameter sigma of temporal score rescaling, together with rescale_k"),
      ECHO_PARAMETER(speaker_kv_scale, kNumber, "null", kMinFactor, 10,
                     "Factor of the voice's keys and values; above 1 holds a voice that drifts "
                     "away from the reference"),
      ECHO_PARAMETER(speaker_kv_max_layers, kInteger, "null", 0, 1000,
                     "First layers in which speaker_kv_scale acts; without it all"),
      ECHO_PARAMETER(speaker_kv_min_t, kNumber, "null", 0, 1,
                     "Time down to which speaker_kv_scale acts; without it to the end"),
      ECHO_ROW(AutoFrames{&p.sequence_length}, "sequence_length", ParameterType::kIntegerOrAuto,
               "640", 1, kMaxFrames,
               "Frames of one generation, 21.53 a second; auto: as many as the text needs", "auto"),
      ECHO_PARAMETER(block_sizes, kIntegerList, "[]", 1, kMaxFrames,
                     "Frames of successive blocks, each of which hears the ones before; replaces "
                     "sequence_length"),
      ECHO_PROFILE_PARAMETER(
          max_chars_per_chunk, kInteger, "300", "240", 0, 4000,
          "Cut a longer text into chunks of at most so many characters; 0: into none"),
      ECHO_PROFILE_PARAMETER(target_duration_seconds, kNumber, "10", "20", 1, 60,
                             "Seconds that a chunk may take to speak, about"),
      ECHO_PROFILE_PARAMETER(
          text_processing, kBoolean, "false", "true", 0, 1,
          "Read numbers, abbreviations, links and markup as people do, and cut at "
          "sentence ends"),
      ECHO_PARAMETER(paragraph_pause, kNumber, "0.6", 0, 3,
                     "Seconds of silence between paragraphs, with text_processing"),
      ECHO_TEXT_CHOICE(
          numbers, "auto words digits", "auto",
          "Numbers to leave as digits: auto those of up to four digits, words none, digits "
          "all"),
      ECHO_TEXT_CHOICE(
          parentheses, "commas keep drop", "commas",
          "Treatment of (remarks): parted by commas, kept for the model to hear a sound "
          "in, left out"),
      ECHO_TEXT_CHOICE(emoji, "drop sounds", "drop",
                       "Treatment of emoji: dropped, or some of them made (laughs) and the like"),
      ECHO_TEXT_CHOICE(code, "drop read", "drop", "Treatment of blocks of code"),
      ECHO_TEXT_CHOICE(date_order, "month_first day_first", "month_first",
                       "Order in which 3/5/2024 is read"),
      ECHO_PARAMETER(sound_events, kWordList, "[]", 0, 64,
                     "Further words that in parentheses are sounds, as (laughs) is (with "
                     "text_processing)"),
      ECHO_PROFILE_PARAMETER(
          natural_pauses, kBoolean, "false", "true", 0, 1,
          "Give the pauses between chunks the length that the punctuation asks for"),
      ECHO_PARAMETER(normalize_boundaries, kBoolean, "true", 0, 1,
                     "Give the pauses between chunks the same length"),
      ECHO_PARAMETER(enable_crossfade, kBoolean, "true", 0, 1,
                     "Crossfade the chunks when normalize_boundaries is off"),
      ECHO_PROFILE_PARAMETER(
          max_rerolls, kInteger, "0", "2", 0, 5,
          "Further takes of a chunk whose first one is faulty, with other seeds"),
      ECHO_PROFILE_PARAMETER(trim_head, kBoolean, "false", "true", 0, 1,
                             "Shorten a long silence at the beginning"),
      ECHO_PROFILE_PARAMETER(trim_tail, kBoolean, "false", "true", 0, 1,
                             "Shorten the silence at the end"),
      ECHO_PARAMETER(continuity, kContinuity, "none", 0, 2,
                     "Chunks that are heard before the next: none, those of its paragraph, or all "
                     "of the text"),
      ECHO_PARAMETER(chars_per_second, kNumber, "null", kSlowestPace, kFastestPace,
                     "How fast the speaker speaks, where it is known: what windows, chunks and the "
                     "judge begin with instead of 12"),
      ECHO_PARAMETER(force_speaker, kNumberOrBoolean, "null", 0.5, 3,
                     "Hold a voice that drifts away from its reference: true sets "
                     "speaker_kv_scale 1.5, speaker_kv_min_t 0.9 and speaker_kv_max_layers 24, "
                     "unless they are given; a number is the scale, 1.1 to 1.3 is often enough"),
  };
  return table;
}

#undef ECHO_ROW
#undef ECHO_PARAMETER
#undef ECHO_PROFILE_PARAMETER
#undef ECHO_CHOICE
#undef ECHO_TEXT_CHOICE

const Parameter* find_parameter(std::string_view name) {
  for (const Parameter& parameter : parameters_in_order()) {
    if (parameter.info.name == name) return &parameter;
  }
  return nullptr;
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

std::string number_text(double value) {
  std::array<char, 32> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  return std::string(text.data(), end);
}

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
  const std::string maximum = info.maximum == kMaxSeed ? "18446744073709551615"  // 2^64 - 1
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

}  // namespace echo
