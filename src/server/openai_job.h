// Requests to OpenAI's API that come as jobs of the platform's queue:
// {"openai_route": "/v1/audio/speech", "openai_input": {...}}, or {"route", "body", "method"}.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "job/handler.h"
#include "server/openai_routes.h"

namespace echo::server {

struct OpenAiJobOptions {
  SpeechOrderOptions orders;
  size_t event_bytes = 48 << 10;    // of audio in one event
  size_t inline_bytes = 7'000'000;  // audio in the output itself; more goes into the store
  // Keeps a file and returns a link to it; empty: there is nowhere.
  std::function<std::string(const std::string& name, std::string_view bytes,
                            const std::string& content_type, std::stop_token stop)>
      store = {};
};

// Whether the job is such a request.
bool is_openai_job(const Job& job);

// Answers it: JSON as the output itself, audio as {"data_b64", "content_type", "size_bytes"} or
// with "url" instead, an error as {"error": {...}} in the output of a job that is completed; only a
// broken device and a job that was stopped fail. A request for events gives their text as pieces.
// Never throws.
JobOutcome run_openai_job(LiveSpeech& speech, const Job& job, JobContext& context,
                          const OpenAiJobOptions& options);

}  // namespace echo::server
