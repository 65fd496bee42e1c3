// Models and voices as OpenAI's clients want them listed.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "server/speech_order.h"
#include "speech/voice_catalog.h"

namespace echo::server {

// {"object": "list", "data": [model...]}
Json models_json(const SpeechOrderOptions& options);
// The same, with {"models": [{"id"}...]} beside it, which Open WebUI reads.
Json audio_models_json(const SpeechOrderOptions& options);
// {"id", "object": "model", "created", "owned_by"}. Throws OpenAiError for a name that is none.
Json model_json(std::string_view name, const SpeechOrderOptions& options);

// The list in all the forms in which clients read it: "data", and "voices". Without any voice it
// has one entry, "default", so that no menu is empty.
Json voices_json(const std::vector<CatalogVoice>& voices);
// {"object": "audio.voice", "id", "name", "created_at", "bytes"}
Json voice_json(const CatalogVoice& voice);

// The file of the voice that a request means by `name`: a stored voice, an alias, or the default
// for one of OpenAI's own names. Nothing: no voice, since none was asked for, or there are none at
// all; then `warning` says so. Throws OpenAiError (404) for other names, and kUnavailable when the
// voices cannot be read.
std::optional<std::string> voice_file(std::string_view name, const SpeechOrderOptions& options,
                                      const VoiceCatalog& voices, std::string* warning);

}  // namespace echo::server
