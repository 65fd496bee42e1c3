#include "engine/speech_parameters.h"

#include "base/ascii.h"
#include "base/error.h"
#include "engine/parameter_table.h"
#include "engine/parameter_values.h"

namespace echo {
namespace {

// What the published demonstration sets, beside the scale, when its user asks to hold the speaker.
constexpr double kForcedSpeakerMinT = 0.9;
constexpr int64_t kForcedSpeakerLayers = 24;

}  // namespace

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
    read_value(parameter, natural ? info.natural_text : info.default_text, parameters);
  }
}

void apply_preset(std::string_view name, SpeechParameters& parameters) {
  apply_preset(name, static_cast<SamplerParameters&>(parameters));
  parameters.speaker_scale_chosen = true;
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
  throw_invalid(std::string(field) + ": found " + shown_value(name) +
                ", expected published or natural");
}

bool set_parameter(SpeechParameters& parameters, std::string_view name, std::string_view text) {
  const Parameter* parameter = find_parameter(name);
  if (!parameter) return false;
  SpeechParameters changed = parameters;
  const bool none = trimmed(text) == "null";
  if (name == "cfg_scale_speaker") changed.speaker_scale_chosen = !none;
  if (none) {
    copy_value(*parameter, parameters_of(parameters.profile), changed);
  } else {
    read_value(*parameter, text, changed);
    check_value(*parameter, changed);
    if (parameter->info.type == ParameterType::kProfile) apply_profile(changed.profile, changed);
  }
  parameters = std::move(changed);
  return true;
}

std::string parameter_text(const SpeechParameters& parameters, std::string_view name) {
  const Parameter* parameter = find_parameter(name);
  if (!parameter) throw_invalid("parameter " + shown_value(name) + ": there is none of this name");
  return value_text(*parameter, parameters);
}

void validate(const SpeechParameters& parameters) {
  for (const Parameter& parameter : parameters_in_order()) check_value(parameter, parameters);
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
