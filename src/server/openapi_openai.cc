#include <utility>

#include "server/openapi_operation.h"

namespace echo::server {
namespace {

// Answers that several routes give.
constexpr const char* kWrongField = "The field that is wrong is in `param`.";
constexpr const char* kNoVoice = "No such voice.";
constexpr const char* kNotAllowed = "Switched off, or the voice was not uploaded.";

Json of_type(const char* type) { return {{"type", type}}; }

Json array_of(Json items) { return {{"type", "array"}, {"items", std::move(items)}}; }

// An object that has all of these, and may have the optional ones.
Json object_of(Json properties, const Json& optional = Json::object()) {
  Json required = Json::array();
  for (const auto& [name, schema] : properties.items()) required.push_back(name);
  properties.update(optional);
  return {{"type", "object"}, {"required", required}, {"properties", std::move(properties)}};
}

Json model_schema() {
  return object_of({{"id", of_type("string")},
                    {"object", of_type("string")},
                    {"created", of_type("integer")},
                    {"owned_by", of_type("string")}});
}

Json models_schema() {
  return object_of({{"object", of_type("string")}, {"data", array_of(model_schema())}},
                   {{"models", array_of(object_of({{"id", of_type("string")}}))}});
}

Json voice_schema() {
  return object_of({{"id", of_type("string")},
                    {"name", of_type("string")},
                    {"object", of_type("string")},
                    {"created_at", of_type("integer")}},
                   {{"bytes", of_type("integer")}});
}

Json voices_schema() {
  return object_of({{"object", of_type("string")},
                    {"data", array_of(voice_schema())},
                    {"voices", array_of(object_of({{"id", of_type("string")},
                                                   {"name", of_type("string")},
                                                   {"value", of_type("string")},
                                                   {"label", of_type("string")}}))},
                    {"has_more", of_type("boolean")},
                    {"first_id", of_type("string")},
                    {"last_id", of_type("string")}});
}

Json preview_schema() {
  const Json chunk = object_of({{"text", of_type("string")},
                                {"model_text", of_type("string")},
                                {"speaker", of_type("integer")},
                                {"characters", of_type("integer")},
                                {"bytes", of_type("integer")},
                                {"estimated_seconds", of_type("number")},
                                {"end", of_type("string")},
                                {"join_seconds", of_type("number")},
                                {"pause_seconds", of_type("number")},
                                {"source", array_of(of_type("integer"))}});
  const Json change = object_of({{"from", of_type("string")},
                                 {"to", of_type("string")},
                                 {"rule", of_type("string")},
                                 {"begin", of_type("integer")},
                                 {"end", of_type("integer")}});
  return object_of({{"text", of_type("string")},
                    {"estimated_seconds", of_type("number")},
                    {"leading_pause_seconds", of_type("number")},
                    {"chunks", array_of(chunk)},
                    {"changes", array_of(change)},
                    {"warnings", array_of(of_type("string"))},
                    {"ignored", array_of(of_type("string"))}});
}

}  // namespace

void add_openai_paths(const std::string& base, const std::string& name, Json& paths) {
  const std::string tag = "OpenAI's speech API";
  const bool hosted = base.find("{endpoint}") != std::string::npos;
  const auto add = [&](const std::string& path, const char* method, const std::string& id,
                       Operation operation) {
    if (hosted) operation.parameter(path_parameter("endpoint", "Any name."));
    operation.id(name + id).refusal(401, "No valid key.");
    paths[base + path][method] = operation.json();
  };
  const auto list = [&](const std::string& path, const std::string& id, const std::string& summary,
                        const Json& schema) {
    add(path, "get", id, Operation(tag, summary).answer(200, "The list.", schema));
  };
  add("/audio/speech", "post", "Speech",
      Operation(tag, "Speaks a text; the sound comes while it is made.")
          .body(reference("SpeechOrder"), {{"input", "Hello there."}, {"response_format", "mp3"}})
          .plain(200, "The sound in the format that was asked for, or server-sent events.",
                 "audio/mpeg")
          .refusal(400, kWrongField)
          .refusal(404, "No such model or voice.")
          .refusal(429, "The queue is full.")
          .refusal(500, "The speech could not be made.")
          .refusal(503, "The model is being loaded, or the server ends."));
  add("/audio/preview", "post", "Preview",
      Operation(tag, "Tells what would be spoken, in which chunks, and what was changed.")
          .body(reference("SpeechOrder"), {{"input", "It costs $5 at 10:30."}})
          .answer(200, "Chunks and changes.", preview_schema())
          .refusal(400, kWrongField));
  list("/models", "Models", "Lists the names of the model.", models_schema());
  add("/models/{model}", "get", "Model",
      Operation(tag, "Returns a model.")
          .parameter(path_parameter("model", "Its name."))
          .answer(200, "The model.", model_schema())
          .refusal(404, "No such model."));
  list("/audio/models", "AudioModels", "Lists the names of the model, as Open WebUI asks.",
       models_schema());
  list("/audio/voices", "AudioVoices", "Lists the voices.", voices_schema());
  list("/voices", "Voices", "Lists the voices.", voices_schema());
  add("/audio/voices/{voice}", "get", "Voice",
      Operation(tag, "Returns a voice; below a model's name, the list of them.")
          .parameter(path_parameter("voice", "Its name."))
          .answer(200, "The voice, or the list.",
                  {{"oneOf", Json::array({voice_schema(), voices_schema()})}})
          .refusal(404, kNoVoice));
  const auto voice = path_parameter("voice", "Its name.");
  add("/audio/voices/{voice}/audio", "get", "VoiceAudio",
      Operation(tag, "Returns the recording of a voice; one range per request.")
          .parameter(voice)
          .plain(200, "The file.", "audio/wav")
          .plain(206, "A part of it.", "audio/wav")
          .refusal(404, kNoVoice)
          .refusal(416, "No such range."));
  add("/audio/voices", "post", "CreateVoice",
      Operation(tag, "Adds a voice.")
          .form({{"type", "object"},
                 {"required", {"name", "audio_sample"}},
                 {"properties",
                  {{"name", {{"type", "string"}, {"maxLength", 64}}},
                   {"audio_sample", {{"type", "string"}, {"format", "binary"}}},
                   {"text", {{"type", "string"}, {"description", "What is said in it."}}},
                   {"overwrite", {{"type", "boolean"}}},
                   {"consent", of_type("string")}}}})
          .answer(200, "The voice.", voice_schema())
          .refusal(400, kWrongField)
          .refusal(403, kNotAllowed)
          .refusal(409, "There is a voice of that name.")
          .refusal(413, "The recording is too large.")
          .refusal(415, "Not a form.")
          .refusal(507, "There is no room."));
  add("/audio/voices/{voice}", "delete", "DeleteVoice",
      Operation(tag, "Removes a voice that was uploaded.")
          .parameter(voice)
          .answer(200, "It is gone.",
                  object_of({{"id", of_type("string")},
                             {"object", of_type("string")},
                             {"deleted", of_type("boolean")}}))
          .refusal(403, kNotAllowed)
          .refusal(404, kNoVoice));
}

}  // namespace echo::server
