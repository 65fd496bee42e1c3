// Where the weights come from: a directory, a cache that is there already, or the hub.
#pragma once

#include <functional>
#include <string>

#include "apps/environment.h"
#include "checkpoint/model_files.h"
#include "net/cached_model.h"
#include "net/hub_options.h"
#include "net/model_hub.h"

namespace echo::apps {

struct ModelSource {
  std::string directory;     // --model, ECHO_MODEL_DIR; not empty: nothing else is asked
  HubRepository dit, codec;  // ECHO_MODEL, ECHO_CODEC: "org/name[@revision]"
  CachedModelPlaces cached;  // the platform's own caches, read only
  HubOptions hub;            // HF_*
};

ModelSource model_source_of(const Environment& environment);

struct LocatedModel {
  ModelFiles files;
  std::string name;  // for results: "echo-tts-base", or the directory's name
};

// The first of: the directory, the platform's cache, the hub's cache, and, unless offline or
// `may_download` is false, a download. Errors: as find_model_files, ModelHub::download; kNotFound
// when the model is nowhere and may not be downloaded, with what to do.
LocatedModel locate_model(const ModelSource& source, HttpClient& http, bool may_download,
                          const ModelHub::Progress& progress = {}, std::stop_token stop = {});

}  // namespace echo::apps
