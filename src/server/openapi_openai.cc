#include "server/openapi_operation.h"

namespace echo::server {
namespace {

// Answers that several routes give.
constexpr const char* kWrongField = "The field that is wrong is in `param`.";
constexpr const char* kNoVoice = "No such voice.";
constexpr const char* kNotAllowed = "Switched off, or the voice was not uploaded.";

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
  const auto list = [&](const std::string& path, const std::string& id,
                        const std::string& summary) {
    add(path, "get", id, Operation(tag, summary).answer(200, "The list.", {{"type", "object"}}));
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
          .answer(200, "Chunks and changes.", {{"type", "object"}})
          .refusal(400, kWrongField));
  list("/models", "Models", "Lists the names of the model.");
  add("/models/{model}", "get", "Model",
      Operation(tag, "Returns a model.")
          .parameter(path_parameter("model", "Its name."))
          .answer(200, "The model.", {{"type", "object"}})
          .refusal(404, "No such model."));
  list("/audio/models", "AudioModels", "Lists the names of the model, as Open WebUI asks.");
  list("/audio/voices", "AudioVoices", "Lists the voices.");
  list("/voices", "Voices", "Lists the voices.");
  add("/audio/voices/{voice}", "get", "Voice",
      Operation(tag, "Returns a voice; below a model's name, the list of them.")
          .parameter(path_parameter("voice", "Its name."))
          .answer(200, "The voice, or the list.", {{"type", "object"}})
          .refusal(404, kNoVoice));
  const auto voice = path_parameter("voice", "Its name.");
  add("/audio/voices/{voice}/audio", "get", "VoiceAudio",
      Operation(tag, "Returns the recording of a voice; one range per request.")
          .parameter(voice)
          .plain(200, "The file.", "audio/wav")
          .plain(206, "A part of it.", "audio/wav")
          .refusal(404, kNoVoice)
          .refusal(416, "No such range."));
  const Json text = {{"type", "string"}};
  add("/audio/voices", "post", "CreateVoice",
      Operation(tag, "Adds a voice.")
          .form({{"type", "object"},
                 {"required", {"name", "audio_sample"}},
                 {"properties",
                  {{"name", {{"type", "string"}, {"maxLength", 64}}},
                   {"audio_sample", {{"type", "string"}, {"format", "binary"}}},
                   {"text", {{"type", "string"}, {"description", "What is said in it."}}},
                   {"overwrite", {{"type", "boolean"}}},
                   {"consent", text}}}})
          .answer(200, "The voice.",
                  {{"type", "object"},
                   {"properties",
                    {{"object", text},
                     {"id", text},
                     {"name", text},
                     {"created_at", {{"type", "integer"}}}}}})
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
                  {{"type", "object"},
                   {"properties",
                    {{"id", text}, {"object", text}, {"deleted", {{"type", "boolean"}}}}}})
          .refusal(403, kNotAllowed)
          .refusal(404, kNoVoice));
}

}  // namespace echo::server
