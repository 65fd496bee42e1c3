#include "speech/input_schema.h"

#include <sstream>
#include <string>
#include <utility>

#include "engine/sampler_parameters.h"
#include "engine/speech_parameters.h"

namespace echo {

Json speech_input_schema() {
  Json parameters = Json::object();
  for (const ParameterInfo& info : parameter_table()) {
    Json schema = {{"description", info.help}};
    const std::string_view text = info.natural_text.empty() ? info.default_text : info.natural_text;
    schema["default"] = Json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (schema["default"].is_discarded()) schema["default"] = text;  // a word
    Json bounds = Json::object();
    if (info.type == ParameterType::kInteger || info.type == ParameterType::kIntegerList) {
      bounds = {{"type", "integer"}, {"minimum", info.minimum}, {"maximum", info.maximum}};
    } else if (info.type == ParameterType::kNumber) {
      bounds = {{"type", "number"}, {"minimum", info.minimum}, {"maximum", info.maximum}};
    } else if (info.type == ParameterType::kIntegerOrAuto) {
      bounds["oneOf"] = {
          {{"type", "integer"}, {"minimum", info.minimum}, {"maximum", info.maximum}},
          {{"const", "auto"}}};
    } else if (info.type == ParameterType::kIntegerOrList) {
      const Json one = {{"type", "integer"}, {"minimum", info.minimum}, {"maximum", info.maximum}};
      bounds["oneOf"] = {one, {{"type", "array"}, {"items", one}}};
    } else if (info.type == ParameterType::kProfile) {
      bounds["enum"] = {profile_name(Profile::kPublished), profile_name(Profile::kNatural)};
    } else if (info.type == ParameterType::kContinuity) {
      bounds["enum"] = {"none", "paragraph", "text"};
    } else if (info.type == ParameterType::kChoice) {
      bounds["enum"] = Json::array();
      std::istringstream names{std::string(info.choices)};
      for (std::string name; names >> name;) bounds["enum"].push_back(name);
    } else if (info.type == ParameterType::kNumberOrBoolean) {
      bounds["oneOf"] = {
          {{"type", "boolean"}},
          {{"type", "number"}, {"minimum", info.minimum}, {"maximum", info.maximum}}};
    } else if (info.type == ParameterType::kWordList) {
      bounds = {{"type", "string"}, {"maxLength", 40}};
    } else {
      bounds = {{"type", "boolean"}};
    }
    if (info.type == ParameterType::kIntegerList || info.type == ParameterType::kWordList) {
      schema["type"] = "array";
      schema["items"] = bounds;
    } else {
      schema.update(bounds);
    }
    parameters[std::string(info.name)] = std::move(schema);
  }
  Json presets = Json::array();
  for (const SamplerPreset& preset : sampler_presets()) presets.push_back(preset.name);
  const Json number = {{"type", "integer"}, {"minimum", 1}};
  const auto on_request = [](const char* description) {
    return Json{{"type", "boolean"}, {"default", false}, {"description", description}};
  };
  parameters["preset"] = {{"enum", std::move(presets)},
                          {"description", "Acts before the other parameters."}};
  parameters["output_format"] = {{"enum", {"ogg", "wav", "flac", "mp3", "aac"}},
                                 {"default", "ogg"}};
  parameters["sample_rate"] = number;
  parameters["sample_rate"]["description"] = "Of the file, in Hz.";
  parameters["bitrate"] = number;
  parameters["bitrate"]["description"] = "Of ogg, mp3 and aac, in bits a second.";
  return {{"type", "object"},
          {"properties",
           {{"text", {{"type", "string"}, {"minLength", 1}, {"description", "What to say."}}},
            {"speaker_voice",
             {{"type", {"string", "null"}},
              {"description", "A recording below the voices folder; null: any voice."}}},
            {"parameters", {{"type", "object"}, {"properties", std::move(parameters)}}},
            {"session_id",
             {{"type", "string"},
              {"pattern", "^[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}$"},
              {"description", "Names the file; the same id overwrites it."}}},
            {"seed", {{"type", "integer"}}},
            {"subtitles",
             {{"enum", {"srt", "vtt"}},
              {"description", "Subtitles of that kind come with the result."}}},
            {"stream", on_request("The audio comes in pieces while it is made.")},
            {"stream_field",
             {{"type", "string"},
              {"default", "audio"},
              {"description", "Where the audio stands in a piece."}}},
            {"aggregate", on_request("The output of a streamed job is the list of its pieces.")},
            {"openai_route",
             {{"type", "string"},
              {"description", "A request of OpenAI's API instead: \"/v1/audio/speech\"."}}},
            {"openai_input", {{"type", "object"}, {"description", "The body of that request."}}},
            {"action", {{"enum", {"health_check"}}}}}}};
}

}  // namespace echo
