#include "runpod/worker_options.h"

#include <sys/utsname.h>

#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "base/uuid.h"

namespace echo::runpod {
namespace {

constexpr Milliseconds kShortestPingInterval{1'000};
constexpr Milliseconds kLongestPingInterval{3'600'000};

class Reader {
 public:
  Reader(const Environment& environment, std::vector<std::string>* warnings)
      : environment_(environment), warnings_(warnings) {}

  // Empty counts as not set.
  std::string text(const std::string& name, const std::string& otherwise = "") const {
    const auto value = environment_(name);
    return value && !value->empty() ? *value : otherwise;
  }

  std::optional<long> number(const std::string& name, const std::string& used_instead) const {
    const std::string value = text(name);
    if (value.empty()) return std::nullopt;
    long result = 0;
    const auto [end, failure] = std::from_chars(value.data(), value.data() + value.size(), result);
    if (failure != std::errc() || end != value.data() + value.size()) {
      warn(name + " is not a whole number, " + used_instead + " is used");
      return std::nullopt;
    }
    return result;
  }

  std::optional<LogLevel> level(const std::string& name) const {
    const std::string value = text(name);
    if (value.empty()) return std::nullopt;
    const auto result = parse_log_level(value);
    if (!result) {
      warn(name + " is no log level (NOTSET, TRACE, DEBUG, INFO, WARN, ERROR), it is ignored");
    }
    return result;
  }

  void warn(const std::string& line) const {
    if (warnings_ != nullptr) warnings_->push_back(line);
  }

 private:
  const Environment& environment_;
  std::vector<std::string>* warnings_;
};

Milliseconds ping_interval(const Reader& reader) {
  const Milliseconds fallback = WorkerOptions{}.ping_interval;
  const auto value = reader.number("RUNPOD_PING_INTERVAL", "10000");
  if (!value) return fallback;
  if (*value < kShortestPingInterval.count()) {
    reader.warn("RUNPOD_PING_INTERVAL is below 1000 ms, 1000 is used");
    return kShortestPingInterval;
  }
  return std::min(Milliseconds(*value), kLongestPingInterval);
}

void check_url(const std::string& url, const std::string& name) {
  if (url.empty()) throw_invalid(name + " is not set; a queue worker needs it");
  if (url.rfind("http://", 0) != 0 && url.rfind("https://", 0) != 0) {
    throw_invalid(name + " is not a URL: expected http:// or https:// at its start");
  }
}

}  // namespace

WorkerOptions worker_options_from(const Environment& environment,
                                  std::vector<std::string>* warnings) {
  const Reader reader(environment, warnings);
  WorkerOptions options;
  options.take_url = reader.text("RUNPOD_WEBHOOK_GET_JOB");
  options.output_url = reader.text("RUNPOD_WEBHOOK_POST_OUTPUT");
  // Some compatible platforms use the second name.
  options.stream_url =
      reader.text("RUNPOD_WEBHOOK_POST_STREAM", reader.text("RUNPOD_WEBHOOK_JOB_STREAM"));
  options.ping_url = reader.text("RUNPOD_WEBHOOK_PING");
  options.api_key = reader.text("RUNPOD_AI_API_KEY");
  options.worker_id = reader.text("RUNPOD_POD_ID");
  options.worker_id_given = !options.worker_id.empty();
  if (!options.worker_id_given) options.worker_id = random_uuid();
  options.hostname = reader.text("RUNPOD_POD_HOSTNAME", "unknown");
  options.endpoint_id = reader.text("RUNPOD_ENDPOINT_ID");
  options.gpu_type_id = reader.text("RUNPOD_GPU_TYPE_ID");
  options.user_agent_integration = reader.text("RUNPOD_UA_INTEGRATION");
  options.ping_interval = ping_interval(reader);
  if (const auto level = reader.level("RUNPOD_LOG_LEVEL")) {
    options.log_level = *level;
  } else if (const auto older = reader.level("RUNPOD_DEBUG_LEVEL")) {
    options.log_level = *older;
  }
  if (const auto port = reader.number("RUNPOD_REALTIME_PORT", "0")) {
    if (*port >= 0 && *port <= 65'535) {
      options.realtime_port = static_cast<int>(*port);
    } else {
      reader.warn("RUNPOD_REALTIME_PORT is not in 0...65535, 0 is used");
    }
  }
  return options;
}

void check_worker_options(const WorkerOptions& options) {
  check_url(options.take_url, "RUNPOD_WEBHOOK_GET_JOB");
  check_url(options.output_url, "RUNPOD_WEBHOOK_POST_OUTPUT");
  if (!options.stream_url.empty()) check_url(options.stream_url, "RUNPOD_WEBHOOK_POST_STREAM");
  if (!options.ping_url.empty()) check_url(options.ping_url, "RUNPOD_WEBHOOK_PING");
  const bool key_is_text = std::all_of(options.api_key.begin(), options.api_key.end(),
                                       [](char c) { return c >= 0x20 && c != 0x7F; });
  if (!key_is_text) throw_invalid("RUNPOD_AI_API_KEY holds characters that no header can carry");
  if (options.concurrency < 1 || options.concurrency > 256) {
    throw_invalid("worker concurrency is " + std::to_string(options.concurrency) +
                  ", expected 1...256");
  }
}

std::string default_user_agent(const WorkerOptions& options) {
  utsname system{};
  ::uname(&system);
  std::string agent = "RunPod-Python-SDK/" + options.protocol_version + " (" + system.sysname +
                      " " + system.release + "; " + system.machine + ") Language/C++ 20";
  if (!options.user_agent_integration.empty()) {
    agent += " Integration/" + options.user_agent_integration;
  }
  return agent;
}

}  // namespace echo::runpod
