#include "runpod/platform_client.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <ctime>
#include <iomanip>
#include <locale>
#include <sstream>

#include "base/error.h"
#include "net/url.h"

namespace echo::runpod {
namespace {

constexpr size_t kMaxIgnoredBody = 1 << 20;  // answers that nobody reads

// Seconds from now until an HTTP date ("Sun, 06 Nov 1994 08:49:37 GMT"); zero if it cannot be read.
std::chrono::seconds until_date(const std::string& date) {
  std::tm fields{};
  std::istringstream in(date);
  in.imbue(std::locale::classic());
  in >> std::get_time(&fields, "%a, %d %b %Y %H:%M:%S");
  if (in.fail()) return {};
  const std::time_t then = ::timegm(&fields);
  return std::max(std::chrono::seconds(0), std::chrono::seconds(then - std::time(nullptr)));
}

}  // namespace

PlatformClient::PlatformClient(HttpClient& http, const WorkerOptions& options)
    : http_(http),
      api_key_(options.api_key),
      user_agent_(options.user_agent.empty() ? default_user_agent(options) : options.user_agent),
      timing_(options.timing) {}

HttpRequest PlatformClient::request(const std::string& url, Milliseconds timeout) const {
  HttpRequest request;
  request.url = url;
  request.timeouts.total = timeout;
  request.timeouts.connect = std::min(timing_.connect_timeout, timeout);
  if (!api_key_.empty()) request.headers.push_back({"Authorization", api_key_});
  request.headers.push_back({"User-Agent", user_agent_});
  request.headers.push_back({"Accept", "*/*"});
  return request;
}

// A request that cannot even be sent fails like one that did not get through.
HttpResponse PlatformClient::perform(const HttpRequest& request) const {
  try {
    return http_.perform(request);
  } catch (const Error& error) {
    HttpResponse response;
    response.error = TransportError::kProtocol;
    response.error_text = std::string("request not sent: ") + error.what();
    return response;
  }
}

HttpResponse PlatformClient::poll(const std::string& url, size_t max_body,
                                  std::stop_token stop) const {
  if (stop.stop_requested()) {
    HttpResponse response;
    response.error = TransportError::kCancelled;
    return response;
  }
  HttpRequest get = request(url, timing_.poll_timeout);
  get.headers.push_back({"Content-Type", "application/json"});
  get.max_body = max_body;
  get.stop = stop;
  get.finish_started_answer = true;
  return perform(get);
}

HttpResponse PlatformClient::post(const std::string& url, std::string_view job_id,
                                  const std::string& body, Milliseconds timeout,
                                  std::stop_token stop) const {
  HttpRequest post = request(url, timeout);
  post.method = "POST";
  // The platform's own workers label their JSON as a form; it is part of the protocol.
  post.headers.push_back({"Content-Type", "application/x-www-form-urlencoded"});
  post.headers.push_back({"charset", "utf-8"});
  post.headers.push_back({"X-Request-ID", std::string(job_id)});
  post.body = body;
  post.max_body = kMaxIgnoredBody;
  post.stop = std::move(stop);
  return perform(post);
}

HttpResponse PlatformClient::ping(const std::string& url, Milliseconds timeout,
                                  std::stop_token stop) const {
  HttpRequest get = request(url, timeout);
  get.max_body = kMaxIgnoredBody;
  get.stop = std::move(stop);
  return perform(get);
}

std::string describe(const HttpResponse& response) {
  const std::string what = response.error == TransportError::kNone
                               ? "HTTP " + std::to_string(response.status)
                               : std::string(transport_error_name(response.error));
  if (response.final_url.empty()) return what;
  const std::string hop =
      response.redirects > 0 ? " (redirect " + std::to_string(response.redirects) + ")" : "";
  return what + " at " + parse_url(response.final_url).origin() + hop;
}

Milliseconds retry_after(const HttpResponse& response, Milliseconds cap) {
  const auto header = response.header("Retry-After");
  if (!header) return {};
  long seconds = 0;
  const auto [end, failure] =
      std::from_chars(header->data(), header->data() + header->size(), seconds);
  if (failure != std::errc() || end != header->data() + header->size()) {
    seconds = until_date(std::string(*header)).count();
  }
  if (seconds <= 0) return {};
  if (seconds >= cap.count() / 1000) return cap;
  return std::chrono::seconds(seconds);
}

bool is_json(const HttpResponse& response) {
  const auto header = response.header("Content-Type");
  if (!header) return false;
  std::string type(header->substr(0, header->find(';')));
  type.erase(type.find_last_not_of(" \t") + 1);
  std::transform(type.begin(), type.end(), type.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return type == "application/json";
}

}  // namespace echo::runpod
