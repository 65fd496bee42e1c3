// Tells other servers that a job is over.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

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
  int threads = 8;
  std::chrono::milliseconds farewell{10'000};  // the most that flush() waits
};

// A few threads post them, at most two at a time to one host, and to hosts that failed last time
// with half of the threads: who does not answer delays nobody else. Of too many that wait, those go
// whose host has most. Threads: any.
class WebhookSender {
 public:
  // `http` and `logger` must outlive the sender.
  WebhookSender(WebhookOptions options, HttpClient& http, Logger& logger);
  // Drops what was not posted yet.
  ~WebhookSender();

  // Posts JSON to `url` soon, and again if the answer is not 2xx. Never blocks.
  void send(const std::string& job_id, const std::string& url, std::string body);

  // Before the end: what waits is posted at once, and what fails then is given up with all that
  // waits for its host. False when `patience`, or the options' farewell, is over before.
  bool flush(std::chrono::milliseconds patience);

 private:
  using TimePoint = std::chrono::steady_clock::time_point;
  struct Message {
    std::string job_id, url, body;
    int attempts_left = 0;
    TimePoint due;
    bool on_its_way = false;
  };
  struct Host {
    std::list<Message> messages;  // those on their way included
    int on_their_way = 0;
    bool failing = false;
    TimePoint served;  // last
  };
  using Hosts = std::map<std::string, Host>;
  struct Chosen {
    Hosts::iterator host;
    std::list<Message>::iterator message;
  };

  void run(std::stop_token stop);
  bool post(const Message& message, std::stop_token stop);

  // With mutex_ held.
  std::optional<Chosen> choose(TimePoint now, TimePoint& next);
  void take_result(const Chosen& chosen, bool done, bool last);
  void remove(Host& host, std::list<Message>::iterator message);
  void forget_empty_hosts();
  bool make_room(const std::string& host, std::size_t bytes);

  const WebhookOptions options_;
  HttpClient& http_;
  Logger& logger_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  Hosts hosts_;
  std::size_t count_ = 0, bytes_ = 0;  // of all messages
  int failing_on_their_way_ = 0;
  bool closing_ = false;
  std::vector<std::jthread> threads_;  // last: they use all of the above
};

}  // namespace echo::server
