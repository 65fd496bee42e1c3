#include "server/openai_error.h"

#include <algorithm>
#include <utility>

#include "http/responses.h"
#include "speech/public_text.h"

namespace echo::server {
namespace {

constexpr std::chrono::milliseconds kRetryAfter{1000};
constexpr std::chrono::seconds kLoadingRetry{2};

ErrorCode code_of(int status) {
  switch (status) {
    case 404:
      return ErrorCode::kNotFound;
    case 429:
    case 503:
      return ErrorCode::kUnavailable;
    case 500:
      return ErrorCode::kInternal;
    default:
      return ErrorCode::kInvalidArgument;
  }
}

Json or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

}  // namespace

OpenAiError::OpenAiError(int status, const std::string& message, std::string code,
                         std::string param)
    : Error(code_of(status), message),
      status_(status),
      code_(std::move(code)),
      param_(std::move(param)) {
  if (status == 429 || status == 503) retry_after_ = kRetryAfter;
}

OpenAiError&& OpenAiError::retry_after(std::chrono::milliseconds wait) && {
  retry_after_ = wait;
  return std::move(*this);
}

std::string OpenAiError::type() const {
  if (status_ == 403) return "permission_error";
  if (status_ == 429) return "rate_limit_error";
  return status_ >= 500 ? "server_error" : "invalid_request_error";
}

Json OpenAiError::json() const {
  return {
      {"message", what()}, {"type", type()}, {"param", or_null(param_)}, {"code", or_null(code_)}};
}

http::Response OpenAiError::response() const {
  http::Response response = http::json_response(status_, Json{{"error", json()}});
  if (status_ == 401) response.headers.push_back({"WWW-Authenticate", "Bearer"});
  if (retry_after_) {
    const int64_t wait = retry_after_->count();
    const int64_t seconds = std::max<int64_t>(1, (wait + 999) / 1000);
    response.headers.push_back({"Retry-After", std::to_string(seconds)});
    response.headers.push_back({"retry-after-ms", std::to_string(wait)});
  }
  // Without it the clients repeat 409 and every 5xx twice, which is three syntheses.
  if (status_ == 409 || status_ == 500 || status_ == 507) {
    response.headers.push_back({"x-should-retry", "false"});
  }
  return response;
}

OpenAiError still_loading() {
  return OpenAiError(503, "The model is being loaded.", "loading").retry_after(kLoadingRetry);
}

OpenAiError unknown_model(std::string_view name) {
  return {404, "The model " + in_quotes(name) + " does not exist here.", "model_not_found",
          "model"};
}

OpenAiError unknown_url(std::string_view method, std::string_view path) {
  return {404,
          "Unknown request URL: " + in_quotes(std::string(method) + " " + std::string(path), 200),
          "unknown_url"};
}

}  // namespace echo::server
