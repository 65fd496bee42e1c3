#include "server/openapi_operation.h"

namespace echo::server {

void add_openai_paths(const std::string& base, const std::string& name, Json& paths) {
  const std::string tag = "OpenAI's speech API";
  const bool hosted = base.find("{endpoint}") != std::string::npos;
  const auto add = [&](const std::string& path, const char* method, const std::string& id,
                       Operation operation) {
    if (hosted) operation.parameter(path_parameter("endpoint", "Any name."));
    operation.id(name + id).answer(401, "No valid key.", reference("OpenAiError"));
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
          .answer(400, "The field that is wrong is in `param`.", reference("OpenAiError"))
          .answer(404, "No such model or voice.", reference("OpenAiError"))
          .answer(429, "The queue is full.", reference("OpenAiError"))
          .answer(500, "The speech could not be made.", reference("OpenAiError"))
          .answer(503, "The model is being loaded, or the server ends.", reference("OpenAiError")));
  add("/audio/preview", "post", "Preview",
      Operation(tag, "Tells what would be spoken, in which chunks, and what was changed.")
          .body(reference("SpeechOrder"), {{"input", "It costs $5 at 10:30."}})
          .answer(200, "Chunks and changes.", {{"type", "object"}})
          .answer(400, "The field that is wrong is in `param`.", reference("OpenAiError")));
  list("/models", "Models", "Lists the names of the model.");
  add("/models/{model}", "get", "Model",
      Operation(tag, "Returns a model.")
          .parameter(path_parameter("model", "Its name."))
          .answer(200, "The model.", {{"type", "object"}})
          .answer(404, "No such model.", reference("OpenAiError")));
  list("/audio/models", "AudioModels", "Lists the names of the model, as Open WebUI asks.");
  list("/audio/voices", "AudioVoices", "Lists the voices.");
  list("/voices", "Voices", "Lists the voices.");
  add("/audio/voices/{voice}", "get", "Voice",
      Operation(tag, "Returns a voice; below a model's name, the list of them.")
          .parameter(path_parameter("voice", "Its name."))
          .answer(200, "The voice, or the list.", {{"type", "object"}})
          .answer(404, "No such voice.", reference("OpenAiError")));
  const auto voice = path_parameter("voice", "Its name.");
  add("/audio/voices/{voice}/audio", "get", "VoiceAudio",
      Operation(tag, "Returns the recording of a voice; one range per request.")
          .parameter(voice)
          .plain(200, "The file.", "audio/wav")
          .plain(206, "A part of it.", "audio/wav")
          .answer(404, "No such voice.", reference("OpenAiError"))
          .answer(416, "No such range.", reference("OpenAiError")));
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
          .answer(400, "The field that is wrong is in `param`.", reference("OpenAiError"))
          .answer(403, "Switched off, or a voice that was not uploaded.", reference("OpenAiError"))
          .answer(409, "There is a voice of that name.", reference("OpenAiError"))
          .answer(413, "The recording is too large.", reference("OpenAiError"))
          .answer(415, "Not a form.", reference("OpenAiError"))
          .answer(507, "There is no room.", reference("OpenAiError")));
  add("/audio/voices/{voice}", "delete", "DeleteVoice",
      Operation(tag, "Removes a voice that was uploaded.")
          .parameter(voice)
          .answer(200, "It is gone.",
                  {{"type", "object"},
                   {"properties",
                    {{"id", text}, {"object", text}, {"deleted", {{"type", "boolean"}}}}}})
          .answer(403, "Switched off, or it was not uploaded.", reference("OpenAiError"))
          .answer(404, "No such voice.", reference("OpenAiError")));
}

}  // namespace echo::server
