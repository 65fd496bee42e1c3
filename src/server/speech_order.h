// What a request to OpenAI's audio/speech asks for, from JSON to checked values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "audio/format.h"
#include "engine/speech_parameters.h"
#include "server/openai_error.h"

namespace echo::server {

struct SpeechOrderOptions {
  size_t max_input_chars = 20'000;         // code points
  std::vector<std::string> model_aliases;  // names of models that are taken and listed, too
  std::map<std::string, std::string> voice_aliases;  // what a request calls a voice: its name here
  std::string default_voice;                         // of requests that name none; empty: no voice
};

// Everything in it has been checked, but for the voice, which is not looked up yet.
struct SpeechOrder {
  std::string input;
  std::string model;  // empty: none was named
  std::string voice;  // empty: none was named
  EncodeOptions output;
  double speed = 1;
  bool events = false;   // answered with server-sent events instead of bytes
  bool streamed = true;  // answered while it is made
  SpeechParameters parameters;
  std::vector<std::string> ignored;   // fields that mean nothing here
  std::vector<std::string> warnings;  // sentences for the caller
};

// Reads the body; `defaults` are the parameters of an order that asks for nothing. null is as good
// as absent. Parameters of jobs stand beside the fields of OpenAI, or in "extra_body" or "params";
// the outermost wins. A seed that is not given, or -1, is chosen. Throws OpenAiError, naming the
// field.
SpeechOrder parse_speech_order(std::string_view body, const SpeechOrderOptions& options,
                               const SpeechParameters& defaults = {});

// The models as they are listed: this program's own name, and those of OpenAI's clients.
std::vector<std::string> listed_models(const SpeechOrderOptions& options);
// Whether requests may name it: what is listed, dated names, and the repository's.
bool is_model(std::string_view name, const SpeechOrderOptions& options);
// One of OpenAI's own, whose clients take bare samples to be 24,000 a second.
bool is_openai_model(std::string_view name);
// One of the thirteen voices that OpenAI's clients offer, or "default".
bool is_openai_voice(std::string_view name);

}  // namespace echo::server
