#include "server/webhook_sender.h"

#include <algorithm>

#include "base/error.h"

namespace echo::server {

WebhookSender::WebhookSender(WebhookOptions options, HttpClient& http, Logger& logger)
    : options_(options),
      http_(http),
      logger_(logger),
      thread_([this](std::stop_token stop) { run(stop); }) {}

WebhookSender::~WebhookSender() {
  thread_.request_stop();
  thread_.join();
  if (!messages_.empty()) {
    logger_.warn("Webhooks not sent: " + std::to_string(messages_.size()));
  }
}

void WebhookSender::send(const std::string& job_id, const std::string& url, std::string body) {
  const std::lock_guard lock(mutex_);
  if (messages_.size() >= options_.capacity || bytes_ + body.size() > options_.max_bytes) {
    logger_.warn("Webhook dropped: too many wait to be sent.", {job_id, ""});
    return;
  }
  bytes_ += body.size();
  messages_.push_back(
      {job_id, url, std::move(body), options_.attempts, std::chrono::steady_clock::now()});
  changed_.notify_all();
}

bool WebhookSender::flush(std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, patience, [this] { return messages_.empty(); });
}

void WebhookSender::run(std::stop_token stop) {
  const auto earlier = [](const Message& a, const Message& b) { return a.due < b.due; };
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    const auto next = std::min_element(messages_.begin(), messages_.end(), earlier);
    if (next == messages_.end()) {
      changed_.wait(lock, stop, [this] { return !messages_.empty(); });
      continue;
    }
    if (next->due > std::chrono::steady_clock::now()) {
      const size_t known = messages_.size();
      changed_.wait_until(lock, stop, next->due, [&] { return messages_.size() != known; });
      continue;
    }
    lock.unlock();
    const bool done = post(*next, stop);
    lock.lock();
    if (!done && stop.stop_requested()) return;
    if (done || --next->attempts_left <= 0) {
      if (!done) logger_.warn("Webhook given up.", {next->job_id, ""});
      bytes_ -= next->body.size();
      messages_.erase(next);
      changed_.notify_all();
    } else {
      next->due = std::chrono::steady_clock::now() + options_.pause;
    }
  }
}

bool WebhookSender::post(const Message& message, std::stop_token stop) {
  HttpRequest request;
  request.method = "POST";
  request.url = message.url;
  request.headers = {{"Content-Type", "application/json"}, {"User-Agent", "echo-tts"}};
  request.body = message.body;
  request.timeouts.connect = options_.timeout;
  request.timeouts.total = options_.timeout;
  request.max_redirects = 0;  // a redirect could lead anywhere
  request.public_hosts_only = options_.public_hosts_only;
  request.stop = stop;
  request.sink = [](const HttpResponse&, std::string_view) { return true; };
  try {
    const HttpResponse response = http_.perform(request);
    if (response.ok()) return true;
    const bool answered = response.error == TransportError::kNone;
    logger_.warn(
        "Webhook failed: " + (answered ? "HTTP " + std::to_string(response.status)
                                       : std::string(transport_error_name(response.error))),
        {message.job_id, ""});
  } catch (const Error& error) {
    logger_.warn("Webhook failed: " + std::string(error_kind(error.code())), {message.job_id, ""});
  }
  return false;
}

}  // namespace echo::server
