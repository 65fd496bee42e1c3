#include "apps/model_source.h"

#include <chrono>

#include "apps/small_model.h"
#include "base/error.h"
#include "engine/model_defaults.h"

namespace echo::apps {
namespace {

namespace fs = std::filesystem;

constexpr const char* kNotice =
    "The published weights are not here: this is the small voice for trying out, far from them in "
    "quality; `echo-tts download` fetches the real ones (7.5 GB)";

LocatedModel located(ModelFiles files, std::string name) {
  LocatedModel model;
  model.voices = SampleVoices(files);
  model.files = std::move(files);
  model.name = std::move(name);
  return model;
}

LocatedModel in_directory(const fs::path& directory) {
  fs::path name = directory.lexically_normal();
  if (name.filename().empty()) name = name.parent_path();
  return located(find_model_files(directory), name.filename().string());
}

HubRepository repository_of(const Environment& environment, const std::string& variable,
                            const std::string& usual, std::vector<std::string> files) {
  try {
    return parse_repository(environment.text(variable, usual), std::move(files));
  } catch (const Error& error) {
    throw_invalid(variable + ": " + error.what());
  }
}

LocatedModel find_model(const ModelSource& source, HttpClient& http,
                        const ModelFallbacks& fallbacks) {
  if (!source.directory.empty()) {
    if (source.directory.find("://") != std::string::npos) {
      throw_invalid("model: found the web address " + source.directory.substr(0, 100) +
                    ", expected a directory, a file of `echo-tts pack` or \"small\"; `echo-tts "
                    "download` fetches the repository that ECHO_MODEL names");
    }
    return in_directory(model_path(source.directory));
  }
  ModelHub hub(source.hub, http);
  const auto find = [&](const HubRepository& repository) {
    const auto found = find_cached_model(source.cached, repository);
    return found ? found : hub.find(repository);
  };
  const auto fetch = [&](const HubRepository& repository) {
    if (!fallbacks.download || source.hub.offline) {
      throw_not_found("model " + repository.name + ": not in a cache" +
                      (source.hub.offline ? std::string(", and HF_HUB_OFFLINE is set") : "") +
                      "; `echo-tts download` fetches it, --model names a directory that has it, "
                      "and `--model small` is a small voice to try with");
    }
    return hub.download(repository, fallbacks.progress, fallbacks.stop);
  };
  std::optional<fs::path> dit = find(source.dit), codec = find(source.codec);
  if ((!dit || !codec) && fallbacks.small_voice && !source.named) {
    if (const auto small = find_small_model()) {
      LocatedModel model = in_directory(*small);
      model.notice = kNotice;
      return model;
    }
  }
  if (!dit) dit = fetch(source.dit);
  if (!codec) codec = fetch(source.codec);
  return located(
      {*dit / source.dit.files[0], *codec / source.codec.files[0], *dit / source.dit.files[1]},
      source.dit.name.substr(source.dit.name.find('/') + 1));
}

}  // namespace

void set_parameters(const ModelSource& source, SpeechParameters& parameters) {
  for (const auto& [name, value] : source.parameters) set_parameter(parameters, name, value);
}

ModelSource model_source_of(const Environment& environment) {
  ModelSource source;
  source.directory = environment.text("ECHO_MODEL_DIR");
  const std::string natural(profile_name(Profile::kNatural));
  source.profile = parse_profile(environment.text("ECHO_PROFILE", natural), "ECHO_PROFILE");
  for (const auto& [name, variable] :
       {std::pair("continuity", "ECHO_CONTINUITY"), std::pair("max_rerolls", "ECHO_MAX_REROLLS")}) {
    const std::string value = environment.text(variable);
    if (value.empty()) continue;
    SpeechParameters checked;
    try {
      set_parameter(checked, name, value);
    } catch (const Error& error) {
      throw_invalid(std::string(variable) + ": " + error.what());
    }
    source.parameters[name] = value;
  }
  source.dit = repository_of(environment, "ECHO_MODEL", "jordand/echo-tts-base",
                             {"pytorch_model.safetensors", "pca_state.safetensors"});
  source.codec = repository_of(environment, "ECHO_CODEC", "jordand/fish-s1-dac-min",
                               {"pytorch_model.safetensors"});
  source.named = environment.find("ECHO_MODEL") || environment.find("ECHO_CODEC");
  source.hub = hub_options({.hf_endpoint = environment.text("HF_ENDPOINT"),
                            .hf_token = environment.text("HF_TOKEN"),
                            .hf_token_path = environment.text("HF_TOKEN_PATH"),
                            .hf_home = environment.text("HF_HOME"),
                            .hf_hub_cache = environment.text("HF_HUB_CACHE"),
                            .hf_hub_offline = environment.text("HF_HUB_OFFLINE"),
                            .hf_hub_download_timeout = environment.text("HF_HUB_DOWNLOAD_TIMEOUT"),
                            .xdg_cache_home = environment.text("XDG_CACHE_HOME"),
                            .home = environment.text("HOME")});
  return source;
}

LocatedModel locate_model(const ModelSource& source, HttpClient& http,
                          const ModelFallbacks& fallbacks) {
  LocatedModel model = find_model(source, http, fallbacks);
  model.defaults = model_defaults(model.files, source.profile);
  set_parameters(source, model.defaults);
  return model;
}

ModelHub::Progress logged_progress(Logger& logger) {
  return [&logger, last = std::chrono::steady_clock::now()](const HubProgress& p) mutable {
    const auto now = std::chrono::steady_clock::now();
    if (now - last < std::chrono::seconds(10)) return;
    last = now;
    logger.info("Downloading " + p.file + ": " + std::to_string(p.done >> 20) +
                (p.total ? " of " + std::to_string(*p.total >> 20) : "") + " MB" +
                (p.waiting ? ", by another process" : ""));
  };
}

}  // namespace echo::apps
