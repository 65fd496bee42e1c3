// What OpenAI's API says of a request that cannot be done. Its clients read every field.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "base/error.h"
#include "base/json.h"
#include "http/http_server.h"

namespace echo::server {

// Thrown where a request is looked at; what() is the message that the client sees, so it holds
// nothing that is not for the client.
class OpenAiError : public Error {
 public:
  // `code` and `param` may be empty: then they are null. `param` names the field at fault.
  OpenAiError(int status, const std::string& message, std::string code = "",
              std::string param = "");

  int status() const { return status_; }
  // "invalid_request_error", "permission_error", "rate_limit_error", "server_error", by the status.
  std::string type() const;
  const std::string& code() const { return code_; }
  const std::string& param() const { return param_; }

  // {"message", "type", "param", "code"}
  Json json() const;

  // The answer: {"error": json()}, and the headers that tell the official clients whether and when
  // to try again. 500 and what was the client's fault are not to be repeated.
  http::Response response() const;

  // After which a client should try again; by default a second with 429 and 503.
  OpenAiError&& retry_after(std::chrono::milliseconds wait) &&;

 private:
  int status_;
  std::string code_, param_;
  std::optional<std::chrono::milliseconds> retry_after_;
};

// 503 loading, 404 model_not_found, 404 unknown_url.
OpenAiError still_loading();
OpenAiError unknown_model(std::string_view name);
OpenAiError unknown_url(std::string_view method, std::string_view path);

}  // namespace echo::server
