#include "runpod/heartbeat.h"

#include <algorithm>
#include <array>

namespace echo::runpod {
namespace {

constexpr int kRetries = 3;
constexpr size_t kReasonLimit = 256;  // characters

bool worth_retrying(const HttpResponse& response) {
  if (response.error != TransportError::kNone) return true;
  constexpr std::array kStatuses = {429, 500, 502, 503, 504};
  return std::find(kStatuses.begin(), kStatuses.end(), response.status) != kStatuses.end();
}

// The first `limit` characters of a UTF-8 text.
std::string first_characters(std::string_view text, size_t limit) {
  size_t count = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool begins_character = (static_cast<unsigned char>(text[i]) & 0xC0) != 0x80;
    if (begins_character && count++ == limit) return std::string(text.substr(0, i));
  }
  return std::string(text);
}

}  // namespace

Heartbeat::Heartbeat(const PlatformClient& client, const Endpoints& endpoints,
                     const WorkerOptions& options, const JobTable& table, Logger& logger,
                     Clock& clock)
    : client_(client),
      endpoints_(endpoints),
      options_(options),
      table_(table),
      logger_(logger),
      clock_(clock),
      outage_(logger, "Ping failed.", options.timing.failure_summary) {}

void Heartbeat::start() {
  if (options_.api_key.empty()) {
    logger_.debug("Not deployed on Runpod serverless, pings will not be sent.");
  } else if (!options_.worker_id_given) {
    logger_.info("Not running on Runpod, pings will not be sent.");
  } else if (options_.ping_url.empty()) {
    logger_.error("Ping URL not set, cannot start ping.");
  } else {
    thread_ = std::jthread([this](std::stop_token stop) { run(std::move(stop)); });
  }
}

void Heartbeat::stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

void Heartbeat::run(std::stop_token stop) {
  auto next = clock_.now();
  while (!stop.stop_requested()) {
    ping(stop);
    // Beats that a slow answer or a frozen container missed are not made up for.
    const auto now = clock_.now();
    do next += options_.ping_interval;
    while (next <= now);
    const auto wait = std::chrono::ceil<Milliseconds>(next - now);
    if (!clock_.sleep_for(wait, stop)) return;
  }
}

void Heartbeat::ping(std::stop_token stop) {
  for (int attempt = 0; attempt <= kRetries; ++attempt) {
    const HttpResponse response =
        client_.ping(endpoints_.ping(table_.ids()), 2 * options_.ping_interval, stop);
    if (stop.stop_requested()) return;
    if (!worth_retrying(response)) {
      outage_.recovered();
      return;
    }
    outage_.failed(LogLevel::kError, describe(response), response.error_text);
    if (attempt == kRetries) return;
    const Milliseconds wait = std::max(attempt * options_.timing.ping_retry_step,
                                       retry_after(response, options_.timing.retry_after_cap));
    if (!clock_.sleep_for(wait, stop)) return;
  }
}

void report_unhealthy(const PlatformClient& client, const Endpoints& endpoints,
                      const WorkerOptions& options, std::string_view check,
                      std::string_view reason) {
  if (options.api_key.empty() || options.ping_url.empty()) return;
  client.ping(endpoints.unhealthy(check, first_characters(reason, kReasonLimit)),
              options.timing.unhealthy_timeout, {});
}

}  // namespace echo::runpod
