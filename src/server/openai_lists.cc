#include "server/openai_lists.h"

#include <algorithm>

#include "speech/public_text.h"

namespace echo::server {
namespace {

constexpr int64_t kModelCreated = 1'764'547'200;  // the same at every start: clients sort by it
constexpr size_t kMaxNamed = 20;

Json entry(std::string_view id, int64_t created_at) {
  return {{"id", id}, {"name", id}, {"object", "audio.voice"}, {"created_at", created_at}};
}

// Names that could only be meant for a file system are not even compared.
bool is_plain_name(std::string_view name) {
  return name.find('/') == std::string_view::npos && name != ".." &&
         std::none_of(name.begin(), name.end(),
                      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

OpenAiError unknown_voice(std::string_view name, const VoiceCatalog& voices) {
  std::string message = "The voice " + in_quotes(name) + " does not exist here";
  const std::vector<CatalogVoice> known = voices.list();
  for (size_t i = 0; i < std::min(known.size(), kMaxNamed); ++i) {
    message += (i == 0 ? ", only: " : ", ") + in_quotes(known[i].id);
  }
  if (known.size() > kMaxNamed) {
    message += " and " + std::to_string(known.size() - kMaxNamed) + " more";
  }
  if (known.empty()) message += ", nor any other";
  return {404, message + ".", "voice_not_found", "voice"};
}

}  // namespace

Json model_json(std::string_view name, const SpeechOrderOptions& options) {
  if (!is_model(name, options)) throw unknown_model(name);
  return {{"id", name}, {"object", "model"}, {"created", kModelCreated}, {"owned_by", "echo-tts"}};
}

Json models_json(const SpeechOrderOptions& options) {
  Json data = Json::array();
  for (const std::string& name : listed_models(options)) data.push_back(model_json(name, options));
  return {{"object", "list"}, {"data", std::move(data)}};
}

Json audio_models_json(const SpeechOrderOptions& options) {
  Json list = models_json(options);
  list["models"] = Json::array();
  for (const std::string& name : listed_models(options)) list["models"].push_back({{"id", name}});
  return list;
}

Json voice_json(const CatalogVoice& voice) {
  Json json = entry(voice.id, voice.created_at);
  json["bytes"] = voice.bytes;
  return json;
}

Json voices_json(const std::vector<CatalogVoice>& voices) {
  Json data = Json::array();
  for (const CatalogVoice& voice : voices) data.push_back(entry(voice.id, voice.created_at));
  if (voices.empty()) data.push_back(entry("default", 0));
  Json names = Json::array();
  for (const Json& one : data) {
    names.push_back(
        {{"id", one["id"]}, {"name", one["id"]}, {"value", one["id"]}, {"label", one["id"]}});
  }
  const Json first = data.front()["id"], last = data.back()["id"];
  return {{"object", "list"},  {"data", std::move(data)}, {"voices", std::move(names)},
          {"has_more", false}, {"first_id", first},       {"last_id", last}};
}

std::optional<std::string> voice_file(std::string_view name, const SpeechOrderOptions& options,
                                      const VoiceCatalog& voices, std::string* warning) {
  const auto stored = [&](std::string_view voice) -> std::optional<std::string> {
    if (!is_plain_name(voice)) return std::nullopt;
    const auto found = voices.find(voice);
    if (!found) return std::nullopt;
    return found->file;
  };
  const auto by_default = [&]() -> std::optional<std::string> {
    if (options.default_voice.empty()) return std::nullopt;
    const auto file = stored(options.default_voice);
    if (!file) throw unknown_voice(options.default_voice, voices);
    return file;
  };
  if (name.empty()) return by_default();
  if (auto file = stored(name)) return file;
  if (const auto alias = options.voice_aliases.find(std::string(name));
      alias != options.voice_aliases.end()) {
    if (auto file = stored(alias->second)) return file;
  }
  if (!is_openai_voice(name)) throw unknown_voice(name, voices);
  if (auto file = by_default()) return file;
  // Someone's own voice would be a surprise; the first in the list at least stays the same.
  const std::vector<CatalogVoice> all = voices.list();
  if (!all.empty()) return all.front().file;
  *warning = "there are no voices: the speaker follows from text and seed";
  return std::nullopt;
}

}  // namespace echo::server
