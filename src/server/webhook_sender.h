// Tells other servers that a job is over.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <list>
#include <mutex>
#include <string>
#include <thread>

#include "base/log.h"
#include "net/http_client.h"

namespace echo::server {

struct WebhookOptions {
  bool public_hosts_only = true;  // refuse addresses of this machine and of private networks
  int attempts = 3;
  std::chrono::milliseconds pause{10'000};  // between attempts
  std::chrono::milliseconds timeout{10'000};
  std::size_t capacity = 256;  // that wait; more are dropped
  std::size_t max_bytes = std::size_t{64} << 20;
};

// One thread posts them one after the other. Threads: any.
class WebhookSender {
 public:
  // `http` and `logger` must outlive the sender.
  WebhookSender(WebhookOptions options, HttpClient& http, Logger& logger);
  // Drops what was not posted yet.
  ~WebhookSender();

  // Posts JSON to `url` soon, and again if the answer is not 2xx. Never blocks.
  void send(const std::string& job_id, const std::string& url, std::string body);

  // Waits until everything was posted or given up; false when the time is over.
  bool flush(std::chrono::milliseconds patience);

 private:
  using TimePoint = std::chrono::steady_clock::time_point;
  struct Message {
    std::string job_id, url, body;
    int attempts_left = 0;
    TimePoint due;
  };

  void run(std::stop_token stop);
  bool post(const Message& message, std::stop_token stop);

  const WebhookOptions options_;
  HttpClient& http_;
  Logger& logger_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::list<Message> messages_;  // the one being posted included
  std::size_t bytes_ = 0;
  std::jthread thread_;  // last: it uses all of the above
};

}  // namespace echo::server
