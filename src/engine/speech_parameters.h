// The parameters of a request by name: one table for the command line, the JSON of a job, their
// help and their documentation.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/sampler_parameters.h"
#include "text/text_options.h"

namespace echo {

// What a request is unless it says otherwise.
enum class Profile {
  kPublished,  // as the published pipeline: its chunks, its joins, its window, one attempt,
               // untrimmed
  kNatural,    // what a listener wants
};

// What a chunk hears of the chunks before it.
enum class Continuity {
  kNone,       // nothing: each is a take of its own, and they are joined
  kParagraph,  // the chunks of its paragraph
  kText,       // all
};

// The sampler's parameters, and how a text is read, cut, spoken and joined. As they are made they
// are those of the published profile.
struct SpeechParameters : SamplerParameters {
  Profile profile = Profile::kPublished;
  int64_t max_chars_per_chunk = 300;  // 0: the text is spoken as one
  double target_duration_seconds = 10;
  bool text_processing = false;  // the front end of text/planned_text.h, and its splitter
  double paragraph_pause = 0.6;  // seconds
  // Parts of the front end, as in text/text_options.h.
  NumberStyle numbers = NumberStyle::kAuto;
  ParenthesesStyle parentheses = ParenthesesStyle::kCommas;
  EmojiStyle emoji = EmojiStyle::kDrop;
  CodeStyle code = CodeStyle::kDrop;
  DateOrder date_order = DateOrder::kMonthFirst;
  std::vector<std::string> sound_events;
  bool natural_pauses = false;  // pauses by punctuation, see audio/natural_join.h
  bool normalize_boundaries = true;
  bool enable_crossfade = true;
  int64_t max_rerolls = 0;  // further takes of a chunk whose first is faulty
  bool trim_head = false, trim_tail = false;
  Continuity continuity = Continuity::kNone;
  // Whether cfg_scale_speaker is somebody's choice; strands have a default of their own.
  bool speaker_scale_chosen = false;
  std::optional<double> chars_per_second;    // of the speaker; absent: kCharsPerSecond
  std::optional<double> force_speaker;  // see apply_force_speaker()
};

// The parameters of a request that says nothing but its profile.
SpeechParameters parameters_of(Profile profile);

// Sets what depends on the profile, and leaves the rest.
void apply_profile(Profile profile, SpeechParameters& parameters);

// Sets what the preset says, as somebody's choice, and leaves the rest. Throws kInvalidArgument for
// an unknown name.
void apply_preset(std::string_view name, SpeechParameters& parameters);

// What force_speaker stands for: speaker_kv_scale, speaker_kv_min_t and speaker_kv_max_layers,
// where they are not set themselves.
void apply_force_speaker(SpeechParameters& parameters);

// "published", "natural". Throws kInvalidArgument, naming `field`, for another name.
Profile parse_profile(std::string_view name, std::string_view field = "profile");
std::string_view profile_name(Profile profile);
std::string_view continuity_name(Continuity continuity);

enum class ParameterType {
  kInteger,
  kNumber,
  kBoolean,
  kIntegerList,
  kIntegerOrAuto,    // a number of frames, or "auto"
  kIntegerOrList,    // a number, or one for each block
  kProfile,          // published or natural
  kContinuity,       // none, paragraph or text
  kChoice,           // one of ParameterInfo::choices
  kNumberOrBoolean,  // a number, true for the usual one, false for none
  kWordList,         // words, each of letters, spaces and hyphens
};

struct ParameterInfo {
  std::string_view name;
  ParameterType type;
  std::string_view default_text;  // as JSON: "40", "true", "null" where absence means something
  double minimum, maximum;        // of numbers, and of a list's elements; the ends belong to it
  std::string_view help;
  std::string_view natural_text = {};  // the default of the natural profile, where it is another
  std::string_view choices = {};       // "auto words digits"
};

// Every parameter, in the order in which help shows them.
std::span<const ParameterInfo> parameter_table();

// "an integer from 1 to 1000", "true or false", ...
std::string expected_value(const ParameterInfo& info);

// "40", or "240; published: 300" where the default depends on the profile.
std::string default_value(const ParameterInfo& info);

// Sets a parameter from its JSON text or from what a numeric string holds: "40", "0.8", "1e-1",
// "true", "[16, 24, 8]" or "16,24,8"; "null" gives the profile's default back. Integers may be
// written with a point (40.0). A profile sets all that depends on it, so it goes first. False when
// there is no such parameter. Throws kInvalidArgument, naming the parameter, the value and the
// range, for a value that is none or lies outside.
bool set_parameter(SpeechParameters& parameters, std::string_view name, std::string_view text);

// The parameter's value as JSON text. Throws kInvalidArgument for an unknown name.
std::string parameter_text(const SpeechParameters& parameters, std::string_view name);

// Checks every value, and those that depend on each other. Throws kInvalidArgument, naming field,
// value and range.
void validate(const SpeechParameters& parameters);

// What was set and has no effect, in sentences for the caller; parameters must be valid.
std::vector<std::string> parameter_warnings(const SpeechParameters& parameters);

}  // namespace echo
