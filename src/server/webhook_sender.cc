#include "server/webhook_sender.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "net/url.h"

namespace echo::server {
namespace {

constexpr int kMaxToOneHost = 2;  // at a time

std::string host_of(const std::string& url) {
  try {
    return parse_url(url).origin();
  } catch (const Error&) {
    return "";  // fails when it is posted
  }
}

}  // namespace

WebhookSender::WebhookSender(WebhookOptions options, HttpClient& http, Logger& logger)
    : options_(options), http_(http), logger_(logger) {
  for (int i = 0; i < std::max(1, options_.threads); ++i) {
    threads_.emplace_back([this](std::stop_token stop) { run(stop); });
  }
}

WebhookSender::~WebhookSender() {
  for (std::jthread& thread : threads_) thread.request_stop();
  threads_.clear();
  if (count_ > 0) logger_.warn("Webhooks not sent: " + std::to_string(count_));
}

void WebhookSender::send(const std::string& job_id, const std::string& url, std::string body) {
  const std::string host = host_of(url);
  const std::lock_guard lock(mutex_);
  if (!make_room(host, body.size())) {
    logger_.warn("Webhook dropped: too many wait to be sent.", {job_id, ""});
    return;
  }
  ++count_;
  bytes_ += body.size();
  hosts_[host].messages.push_back(
      {job_id, url, std::move(body), options_.attempts, std::chrono::steady_clock::now()});
  changed_.notify_all();
}

bool WebhookSender::flush(std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex_);
  closing_ = true;
  changed_.notify_all();
  return changed_.wait_for(lock, std::min(patience, options_.farewell),
                           [this] { return count_ == 0; });
}

void WebhookSender::run(std::stop_token stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    TimePoint next = TimePoint::max();
    const auto chosen = choose(std::chrono::steady_clock::now(), next);
    if (!chosen) {
      bool woken = false;
      const auto once = [&woken] { return std::exchange(woken, true); };
      if (next == TimePoint::max()) {
        changed_.wait(lock, stop, once);
      } else {
        changed_.wait_until(lock, stop, next, once);
      }
      continue;
    }
    Host& host = chosen->host->second;
    chosen->message->on_its_way = true;
    ++host.on_their_way;
    const bool was_failing = host.failing;
    failing_on_their_way_ += was_failing;
    host.served = std::chrono::steady_clock::now();
    const bool last = closing_;
    lock.unlock();
    const bool done = post(*chosen->message, stop);
    lock.lock();
    failing_on_their_way_ -= was_failing;
    --host.on_their_way;
    chosen->message->on_its_way = false;
    if (!done && stop.stop_requested()) return;
    take_result(*chosen, done, last);
    changed_.notify_all();
  }
}

// The message that is due of the host that was served least recently. If there is none, `next` is
// the earliest that one of them is due.
std::optional<WebhookSender::Chosen> WebhookSender::choose(TimePoint now, TimePoint& next) {
  std::optional<Chosen> chosen;
  const int most_failing = std::max(1, options_.threads / 2);
  for (auto host = hosts_.begin(); host != hosts_.end(); ++host) {
    if (host->second.on_their_way >= kMaxToOneHost) continue;
    if (host->second.failing && failing_on_their_way_ >= most_failing) continue;
    if (chosen && host->second.served >= chosen->host->second.served) continue;
    for (auto message = host->second.messages.begin(); message != host->second.messages.end();
         ++message) {
      if (message->on_its_way) continue;
      if (message->due <= now || closing_) {
        chosen = Chosen{host, message};
        break;
      }
      next = std::min(next, message->due);
    }
  }
  return chosen;
}

// `last`: it was tried at the end, when nobody is asked twice.
void WebhookSender::take_result(const Chosen& chosen, bool done, bool last) {
  Host& host = chosen.host->second;
  host.failing = !done;
  if (!done && last) {
    // There is no time to ask it about each of them.
    for (auto message = host.messages.begin(); message != host.messages.end();) {
      const auto here = message++;
      if (here->on_its_way) continue;
      logger_.warn("Webhook given up.", {here->job_id, ""});
      remove(host, here);
    }
  } else if (done || --chosen.message->attempts_left <= 0) {
    if (!done) logger_.warn("Webhook given up.", {chosen.message->job_id, ""});
    remove(host, chosen.message);
  } else {
    chosen.message->due = std::chrono::steady_clock::now() + options_.pause;
  }
  forget_empty_hosts();
}

void WebhookSender::remove(Host& host, std::list<Message>::iterator message) {
  --count_;
  bytes_ -= message->body.size();
  host.messages.erase(message);
}

void WebhookSender::forget_empty_hosts() {
  std::erase_if(hosts_, [](const auto& host) { return host.second.messages.empty(); });
}

// Whether a message of that host may wait. Others go for it while their host has more that wait.
bool WebhookSender::make_room(const std::string& host, std::size_t bytes) {
  const auto full = [&] {
    return count_ >= options_.capacity || bytes_ + bytes > options_.max_bytes;
  };
  while (full()) {
    const auto most =
        std::max_element(hosts_.begin(), hosts_.end(), [](const auto& a, const auto& b) {
          return a.second.messages.size() < b.second.messages.size();
        });
    if (most == hosts_.end()) return false;
    const auto own = hosts_.find(host);
    const std::size_t own_size = own == hosts_.end() ? 0 : own->second.messages.size();
    std::list<Message>& messages = most->second.messages;
    const auto newest = std::find_if(messages.rbegin(), messages.rend(),
                                     [](const Message& message) { return !message.on_its_way; });
    if (messages.size() <= own_size + 1 || newest == messages.rend()) return false;
    logger_.warn("Webhook dropped: too many wait to be sent.", {newest->job_id, ""});
    remove(most->second, std::prev(newest.base()));
  }
  return true;
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
