#include "server/openai_lookup.h"

#include <utility>

#include "server/openai_speech.h"

namespace echo::server {

void answer_later(http::BackgroundThread& thread, const http::Reply& reply,
                  std::function<http::Response()> work) {
  const bool taken = thread.post([reply, work = std::move(work)] {
    try {
      reply.send(work());
    } catch (const OpenAiError& error) {
      reply.send(error.response());
    } catch (...) {
      reply.send(openai_error_of(std::current_exception()).response());
    }
  });
  if (!taken) throw OpenAiError(503, "The server is busy.", "server_busy");
}

std::function<void(http::Call)> openai_handler(std::function<void(http::Call&&)> handle) {
  return [handle = std::move(handle)](http::Call call) {
    const http::Reply reply = call.reply;
    try {
      handle(std::move(call));
    } catch (const OpenAiError& error) {
      reply.send(error.response());
    }
  };
}

}  // namespace echo::server
