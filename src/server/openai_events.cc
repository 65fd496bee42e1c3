#include "server/openai_events.h"

#include "base/digest.h"
#include "base/json.h"
#include "http/server_sent_events.h"

namespace echo::server {

std::string delta_event(std::string_view bytes) {
  const Json event = {{"type", "speech.audio.delta"}, {"audio", base64(bytes)}};
  return http::server_sent_event("speech.audio.delta", event.dump());
}

std::string done_event(int64_t input_tokens, int64_t output_tokens) {
  const Json event = {{"type", "speech.audio.done"},
                      {"usage",
                       {{"input_tokens", input_tokens},
                        {"output_tokens", output_tokens},
                        {"total_tokens", input_tokens + output_tokens}}}};
  return http::server_sent_event("speech.audio.done", event.dump());
}

std::string error_event(const OpenAiError& error) {
  const Json event = {{"type", "speech.audio.error"}, {"error", error.json()}};
  return http::server_sent_event("speech.audio.error", dump_json(event));
}

}  // namespace echo::server
