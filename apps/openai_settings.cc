#include "apps/openai_settings.h"

#include <sstream>

#include "base/error.h"
#include "base/ascii.h"

namespace echo::apps {
namespace {

std::string trimmed(const std::string& text) {
  const size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

std::map<std::string, std::string> aliases_of(const Environment& environment, const char* name) {
  std::map<std::string, std::string> aliases;
  for (const std::string& entry : list_of(environment.text(name))) {
    const size_t equals = entry.find('=');
    const std::string from = trimmed(entry.substr(0, equals));
    const std::string to = equals == std::string::npos ? "" : trimmed(entry.substr(equals + 1));
    if (from.empty() || to.empty()) {
      throw_invalid(std::string(name) + ": found \"" + entry.substr(0, 40) +
                    "\", expected entries like alloy=anna");
    }
    aliases[from] = to;
  }
  return aliases;
}

constexpr int64_t kMaxVoice = int64_t{100} << 20;  // bytes

}  // namespace

bool is_on(const Environment& environment, const char* name, bool otherwise) {
  const std::string value = lower(environment.text(name, otherwise ? "1" : "0"));
  if (value == "1" || value == "true" || value == "yes" || value == "on") return true;
  if (value == "0" || value == "false" || value == "no" || value == "off") return false;
  throw_invalid(std::string(name) + ": found \"" + value.substr(0, 40) + "\", expected 0 or 1");
}

std::vector<std::string> list_of(const std::string& text) {
  std::vector<std::string> entries;
  std::stringstream in(text);
  for (std::string entry; std::getline(in, entry, ',');) {
    entry = trimmed(entry);
    if (!entry.empty()) entries.push_back(entry);
  }
  return entries;
}

server::OpenAiOptions openai_options_of(const Environment& environment) {
  server::OpenAiOptions options;
  options.orders.max_input_chars =
      static_cast<size_t>(environment.integer("ECHO_MAX_INPUT_CHARS", 20'000, 1, 1'000'000));
  options.orders.model_aliases = list_of(environment.text("ECHO_MODEL_ALIASES"));
  options.orders.voice_aliases = aliases_of(environment, "ECHO_VOICE_ALIASES");
  options.orders.default_voice = environment.text("ECHO_DEFAULT_VOICE");
  options.public_lists = is_on(environment, "ECHO_PUBLIC_LISTS", false);
  options.voice_bytes = voice_upload_options_of(environment).max_bytes;
  options.answers.head_after =
      std::chrono::seconds(environment.integer("ECHO_HEAD_AFTER", 20, 1, 3600));
  return options;
}

VoiceUploadOptions voice_upload_options_of(const Environment& environment) {
  VoiceUploadOptions options;
  options.max_bytes = static_cast<uint64_t>(environment.integer(
      "ECHO_VOICE_MAX_BYTES", static_cast<int64_t>(options.max_bytes), 1, kMaxVoice));
  options.max_voices =
      static_cast<size_t>(environment.integer("ECHO_MAX_VOICES", 1000, 0, 1'000'000));
  return options;
}

}  // namespace echo::apps
