// A request for speech to OpenAI's API, made ready and spoken, whoever carries the bytes away.
#pragma once

#include <chrono>
#include <cstdint>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

#include "server/openai_error.h"
#include "server/openai_lists.h"
#include "server/speech_order.h"
#include "speech/live_speech.h"

namespace echo::server {

// A request with everything looked up: what can be refused has been refused.
struct ReadySpeech {
  SpeechOrder order;
  JobInput input;
  SpokenAudioOptions audio;
  int64_t input_tokens = 0;  // of all chunks, each with its start token
  bool silent = false;       // there is nothing to say: half a second of silence is the answer
};

// Reads a body, finds its voice and plans its text. Looks at the disk. Throws OpenAiError.
ReadySpeech ready_speech(SpeechOrder order, const SpeechOrderOptions& options,
                         const VoiceCatalog& voices);

// What would be spoken of a request, as speech/text_preview.h has it, with the fields that mean
// nothing as "ignored". Throws OpenAiError as ready_speech() does.
Json preview_of(const SpeechOrder& order);

// The headers of an answer that are known before anything is spoken: type, rate, seed, what was
// ignored, warnings.
std::vector<HttpHeader> speech_headers(const ReadySpeech& speech);
// Sentences for one header: printable ASCII, of bounded length.
std::string header_text(const std::vector<std::string>& parts, std::string_view separator);
// "queue;dur=0.1, text;dur=1.2, ...": milliseconds, as browsers show them.
std::string server_timing(const SpeechOpening& opening);
// "32,128,480": the frames of the blocks of the first chunk.
std::string block_list(const std::vector<int64_t>& blocks);

// The file of silence that answers a text without words.
std::string silence_file(const ReadySpeech& speech);

// Frames of the model that were spoken, which count as tokens of the output.
int64_t output_tokens(const SpeechSummary& speech);

// What OpenAI's API says of a request that failed after it was ready.
OpenAiError openai_error_of(const std::exception_ptr& failure);
OpenAiError speech_timed_out(std::chrono::milliseconds limit);

}  // namespace echo::server
