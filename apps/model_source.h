// Where the weights come from: a directory, a cache that is there already, or the hub.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "apps/environment.h"
#include "base/log.h"
#include "checkpoint/model_files.h"
#include "engine/sample_voices.h"
#include "engine/speech_parameters.h"
#include "net/cached_model.h"
#include "net/hub_options.h"
#include "net/model_hub.h"

namespace echo::apps {

struct ModelSource {
  std::string directory;  // --model, ECHO_MODEL_DIR, or "small"; not empty: nothing else is asked
  HubRepository dit, codec;             // ECHO_MODEL, ECHO_CODEC: "org/name[@revision]"
  bool named = false;                   // whether one of these two was given
  CachedModelPlaces cached;             // the platform's own caches, read only
  HubOptions hub;                       // HF_*
  Profile profile = Profile::kNatural;  // ECHO_PROFILE: what requests are unless they say otherwise
  // Parameters by name that have a variable of their own, over the profile and the model's.
  std::map<std::string, std::string> parameters;
};

ModelSource model_source_of(const Environment& environment);

// Sets what variables or flags say of a request that asks for nothing.
void set_parameters(const ModelSource& source, SpeechParameters& parameters);

struct LocatedModel {
  ModelFiles files;
  std::string name;           // for results: "echo-tts-base", or the directory's name
  std::string notice;         // a line for the user when the small voice stands in; else empty
  SpeechParameters defaults;  // the profile's and the model's own, see model_defaults()
  SampleVoices voices;        // to be imitated without a recording of one's own
};

// What may take the place of a model that is in no cache, in this order.
struct ModelFallbacks {
  bool small_voice = false;  // unless a repository was named
  bool download = false;     // unless offline
  ModelHub::Progress progress = {};
  std::stop_token stop = {};
};

// The first of: the directory, the platform's cache, the hub's cache, the fallbacks. Errors: as
// find_model_files, model_defaults, ModelHub::download; kNotFound when the model is nowhere, with
// what to do.
LocatedModel locate_model(const ModelSource& source, HttpClient& http,
                          const ModelFallbacks& fallbacks);

// Returns a listener that tells the log, every ten seconds, how far a download is.
ModelHub::Progress logged_progress(Logger& logger);

}  // namespace echo::apps
