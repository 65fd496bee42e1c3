#include "speech/job_input.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "base/error.h"
#include "base/json_member.h"
#include "base/utf8.h"
#include "base/uuid.h"
#include "engine/window.h"
#include "speech/public_text.h"
#include "speech/voice_directory.h"
#include "text/plan.h"
#include "text/planned_text.h"

namespace echo {
namespace {

constexpr size_t kLongestSessionId = 128;
constexpr size_t kMaxUnknownNames = 20;
constexpr size_t kLongestNumber = 64;  // characters of a numeric string

constexpr std::array<std::string_view, 7> kInputNames = {
    "text", "speaker_voice", "parameters", "session_id", "seed", "action", "subtitles"};
// What stands in "parameters" beside the table's names.
constexpr std::array<std::string_view, 4> kOtherParameters = {"preset", "output_format",
                                                              "sample_rate", "bitrate"};

template <class List>
bool contains(const List& list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

// A value for a message: enough to recognise it, not more.
std::string shown(const Json& value) {
  if (value.is_string()) return in_quotes(value.get_ref<const std::string&>(), 40);
  if (value.is_object()) return "an object";
  if (value.is_array()) return "a list";
  if (value.is_number_float() && !std::isfinite(value.get<double>())) return "no finite number";
  return value.dump();
}

[[noreturn]] void refuse(std::string_view field, const Json& value, const std::string& expected) {
  throw_invalid(std::string(field) + ": found " + shown(value) + ", expected " + expected);
}

// The member of that name; null where it is absent.
const std::string& text_of(const Json& value, std::string_view field, const std::string& expected) {
  if (!value.is_string()) refuse(field, value, expected);
  return value.get_ref<const std::string&>();
}

// JSON text of a number, a truth value or a string that holds one. Empty: it is neither.
std::string scalar_text(const Json& value) {
  if (value.is_number_float() && !std::isfinite(value.get<double>())) return {};
  if (value.is_number() || value.is_boolean()) return value.dump();
  if (!value.is_string()) return {};
  const auto& text = value.get_ref<const std::string&>();
  // The word null is the table's way to give a default back; as a value it is a mistake.
  if (text.size() > kLongestNumber || text.find("null") != std::string::npos) return {};
  return text;
}

// The same for a list of such values, or for one of them.
std::string list_text(const Json& value) {
  if (!value.is_array()) return scalar_text(value);
  if (value.size() > static_cast<size_t>(kMaxFrames)) return {};
  std::string text;
  for (const Json& item : value) {
    const std::string element = scalar_text(item);
    if (element.empty() || element.find(',') != std::string::npos) return {};
    text += (text.empty() ? "" : ",") + element;
  }
  return '[' + text + ']';
}

void set_from_json(SpeechParameters& parameters, const ParameterInfo& info, const Json& value) {
  if (value.is_null()) return;
  const bool is_list =
      info.type == ParameterType::kIntegerList || info.type == ParameterType::kWordList ||
      (info.type == ParameterType::kIntegerOrList && value.is_array());
  // Strings keep their own form for lists, "16,24,8", whatever their length.
  const std::string text = is_list && value.is_string() ? value.get<std::string>()
                           : is_list                    ? list_text(value)
                                                        : scalar_text(value);
  if (text.empty() || text == "null") refuse(info.name, value, expected_value(info));
  set_parameter(parameters, info.name, text);
}

// An integer that `EncodeOptions` holds. Its range depends on the format and is checked later.
int encoder_number(std::string_view field, const Json& value) {
  const std::string expected = "an integer above 0";
  const std::string text = scalar_text(value);
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = error == std::errc() && !text.empty() && end == text.data() + text.size() &&
                     number == std::floor(number);
  if (value.is_boolean() || !whole || number < 1 || number > 1e9) refuse(field, value, expected);
  return static_cast<int>(number);
}

AudioFormat output_format(const Json& value) {
  const std::string expected = "ogg, wav, flac, mp3 or aac";
  const std::string& name = text_of(value, "output_format", expected);
  AudioFormat format = AudioFormat::kPcm;
  try {
    format = parse_audio_format(name);
  } catch (const Error&) {
    refuse("output_format", value, expected);
  }
  // A file of bare samples would not say what it is.
  if (format == AudioFormat::kPcm) refuse("output_format", value, expected);
  return format;
}

void set_preset(SpeechParameters& parameters, const Json& value) {
  if (value.is_null()) return;
  std::string names;
  for (const SamplerPreset& preset : sampler_presets()) {
    names += (names.empty() ? "" : ", ") + std::string(preset.name);
    if (value != std::string(preset.name)) continue;
    return apply_preset(preset.name, parameters);
  }
  refuse("preset", value, "one of " + names);
}

// Collects names that mean nothing, a few of them by name.
class UnknownNames {
 public:
  explicit UnknownNames(std::vector<std::string>& warnings) : warnings_(warnings) {}
  ~UnknownNames() {
    if (count_ > kMaxUnknownNames) {
      warnings_.push_back(std::to_string(count_ - kMaxUnknownNames) +
                          " more unknown names were ignored");
    }
  }
  UnknownNames(const UnknownNames&) = delete;
  UnknownNames& operator=(const UnknownNames&) = delete;

  void add(const std::string& name, std::string_view what) {
    if (++count_ <= kMaxUnknownNames) {
      warnings_.push_back(in_quotes(name, 40) + ": " + std::string(what));
    }
  }

 private:
  std::vector<std::string>& warnings_;
  size_t count_ = 0;
};

JobAction parse_action(const Json& value) {
  if (value.is_null()) return JobAction::kSpeak;
  if (value == "health_check") return JobAction::kHealthCheck;
  refuse("action", value, "\"health_check\", or none in order to speak");
}

void warn_of_unknown_names(const Json& input, std::vector<std::string>& warnings) {
  UnknownNames unknown(warnings);
  for (const auto& item : input.items()) {
    if (contains(kInputNames, item.key())) continue;
    unknown.add(item.key(), is_job_parameter(item.key())
                                ? "ignored here, it belongs into \"parameters\""
                                : "unknown and ignored");
  }
}

std::string parse_session_id(const Json& value) {
  if (value.is_null()) return random_uuid();
  const std::string expected =
      "1 to 128 of the characters A-Z a-z 0-9 . _ - and no dot at the beginning";
  const std::string& id = text_of(value, "session_id", expected);
  if (!is_session_id(id)) refuse("session_id", value, expected);
  return id;
}

}  // namespace

std::string JobInput::file_name() const {
  return session_id + '.' + std::string(format_name(output.format));
}

bool is_session_id(std::string_view id) {
  if (id.empty() || id.size() > kLongestSessionId || id.front() == '.') return false;
  return std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
}

bool is_job_parameter(std::string_view name) {
  const auto table = parameter_table();
  return contains(kOtherParameters, name) ||
         std::any_of(table.begin(), table.end(),
                     [&](const ParameterInfo& info) { return info.name == name; });
}

std::shared_ptr<const PlannedText> plan_job_text(std::string_view text,
                                                 const SpeechParameters& parameters,
                                                 const JobLimits& limits) {
  const std::string expected =
      " characters, expected at most " + std::to_string(limits.max_text_chars);
  // Even if every character took four bytes: no need to look at all of a very long text.
  if (text.size() / 4 > limits.max_text_chars) {
    throw_invalid("text: found more than " + std::to_string(text.size() / 4) + expected);
  }
  const size_t chars = count_code_points(text);
  if (chars > limits.max_text_chars) {
    throw_invalid("text: found " + std::to_string(chars) + expected);
  }
  auto plan = plan_words(text, text_options_of(parameters));
  return plan ? std::make_shared<const PlannedText>(std::move(*plan)) : nullptr;
}

void parse_parameters(const Json& object, SpeechParameters& parameters, EncodeOptions& output,
                      std::vector<std::string>& warnings) {
  if (object.is_null()) return;
  if (!object.is_object()) refuse("parameters", object, "an object");
  set_preset(parameters, member_or_null(object, "preset"));
  for (const ParameterInfo& info : parameter_table()) {
    set_from_json(parameters, info, member_or_null(object, info.name));
  }
  const Json& format = member_or_null(object, "output_format");
  const Json& rate = member_or_null(object, "sample_rate");
  const Json& bitrate = member_or_null(object, "bitrate");
  if (!format.is_null()) output.format = output_format(format);
  if (!rate.is_null()) output.sample_rate = encoder_number("sample_rate", rate);
  if (!bitrate.is_null()) output.bitrate = encoder_number("bitrate", bitrate);

  UnknownNames unknown(warnings);
  for (const auto& item : object.items()) {
    if (!is_job_parameter(item.key())) unknown.add(item.key(), "unknown parameter, ignored");
  }
}

JobInput parse_job_input(const Json& input, const JobLimits& limits) {
  if (!input.is_object()) {
    throw_invalid("input: found " + std::string(input.type_name()) + ", expected an object");
  }
  JobInput job;
  job.action = parse_action(member_or_null(input, "action"));
  if (job.action == JobAction::kHealthCheck) return job;

  job.parameters = limits.defaults;
  warn_of_unknown_names(input, job.warnings);
  const Json& seed = member_or_null(input, "seed");
  const ParameterInfo& seed_info = parameter_table().front();
  set_from_json(job.parameters, seed_info, seed);
  const uint64_t outer_seed = job.parameters.seed;
  parse_parameters(member_or_null(input, "parameters"), job.parameters, job.output, job.warnings);
  if (!seed.is_null() && job.parameters.seed != outer_seed) {
    job.warnings.push_back("seed: given twice, the one in \"parameters\" is used");
  }
  validate(job.parameters);
  for (std::string& warning : parameter_warnings(job.parameters)) {
    job.warnings.push_back(std::move(warning));
  }
  job.output = validate(job.output);
  job.session_id = parse_session_id(member_or_null(input, "session_id"));
  if (const Json& subtitles = member_or_null(input, "subtitles"); !subtitles.is_null()) {
    job.subtitles = parse_subtitle_format(text_of(subtitles, "subtitles", "srt or vtt"));
  }

  const Json& voice = member_or_null(input, "speaker_voice");
  if (!voice.is_null()) {
    job.voice = text_of(voice, "speaker_voice", "the name of a voice, or null");
    VoiceDirectory::check_name(*job.voice);
  }

  const std::string expected =
      "a string of 1 to " + std::to_string(limits.max_text_chars) + " characters";
  const Json& text = member_or_null(input, "text");
  if (!text.is_string()) {
    // Of another type it may still be what someone wanted to say.
    throw_invalid("text: found " + std::string(text.is_null() ? "nothing" : text.type_name()) +
                  ", expected " + expected);
  }
  job.text = text.get<std::string>();
  job.plan = plan_job_text(job.text, job.parameters, limits);
  if (!job.plan) {
    throw_invalid("text: it is empty or has no letter and no digit to speak, expected " + expected);
  }
  return job;
}

}  // namespace echo
