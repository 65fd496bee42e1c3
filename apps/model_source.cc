#include "apps/model_source.h"

#include "base/error.h"

namespace echo::apps {

namespace {

HubRepository repository_of(const Environment& environment, const std::string& variable,
                            const std::string& usual, std::vector<std::string> files) {
  try {
    return parse_repository(environment.text(variable, usual), std::move(files));
  } catch (const Error& error) {
    throw_invalid(variable + ": " + error.what());
  }
}

}  // namespace

ModelSource model_source_of(const Environment& environment) {
  ModelSource source;
  source.directory = environment.text("ECHO_MODEL_DIR");
  source.dit = repository_of(environment, "ECHO_MODEL", "jordand/echo-tts-base",
                             {"pytorch_model.safetensors", "pca_state.safetensors"});
  source.codec = repository_of(environment, "ECHO_CODEC", "jordand/fish-s1-dac-min",
                               {"pytorch_model.safetensors"});
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

LocatedModel locate_model(const ModelSource& source, HttpClient& http, bool may_download,
                          const ModelHub::Progress& progress, std::stop_token stop) {
  if (!source.directory.empty()) {
    if (source.directory.find("://") != std::string::npos) {
      throw_invalid("model: found the web address " + source.directory.substr(0, 100) +
                    ", expected a directory or a file of `echo-tts pack`; `echo-tts download` "
                    "fetches the repository that ECHO_MODEL names");
    }
    std::filesystem::path name = std::filesystem::path(source.directory).lexically_normal();
    if (name.filename().empty()) name = name.parent_path();
    return {find_model_files(source.directory), name.filename().string()};
  }
  ModelHub hub(source.hub, http);
  const auto locate = [&](const HubRepository& repository) {
    if (auto found = find_cached_model(source.cached, repository)) return *found;
    if (auto found = hub.find(repository)) return *found;
    if (!may_download || source.hub.offline) {
      throw_not_found(
          "model " + repository.name + ": not in a cache" +
          (source.hub.offline ? std::string(", and HF_HUB_OFFLINE is set") : "") +
          "; `echo-tts download` fetches it, --model names a directory that has it, and "
          "`echo-tts make-model` writes a random one to try with");
    }
    return hub.download(repository, progress, stop);
  };
  const std::filesystem::path dit = locate(source.dit), codec = locate(source.codec);
  return {{dit / source.dit.files[0], codec / source.codec.files[0], dit / source.dit.files[1]},
          source.dit.name.substr(source.dit.name.find('/') + 1)};
}

}  // namespace echo::apps
