// Answers of OpenAI's API that need the disk, which the server's own threads must not wait for.
#pragma once

#include <functional>

#include "http/background_thread.h"
#include "http/router.h"

namespace echo::server {

// Answers with what `work` gives, on that thread; with the OpenAiError that it throws, or with what
// another failure means. Throws OpenAiError (503) when too much waits there.
void answer_later(http::BackgroundThread& thread, const http::Reply& reply,
                  std::function<http::Response()> work);

// A handler that answers with the OpenAiError that it throws.
std::function<void(http::Call)> openai_handler(std::function<void(http::Call&&)> handle);

}  // namespace echo::server
