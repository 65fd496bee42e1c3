#include "support/fake_platform.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <stdexcept>

namespace echo {
namespace {

using SteadyClock = std::chrono::steady_clock;
using std::chrono::milliseconds;

bool same_letters(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](unsigned char x, unsigned char y) {
    return std::tolower(x) == std::tolower(y);
  });
}

PlatformRoute route_of(const std::string& path) {
  const auto has = [&](const char* part) { return path.find(part) != std::string::npos; };
  if (has("/job-take/") || has("/job-take-batch/")) return PlatformRoute::kTake;
  if (has("/job-stop/")) return PlatformRoute::kStop;
  if (has("/ping/")) return PlatformRoute::kPing;
  if (has("/job-done/")) return PlatformRoute::kDone;
  if (has("/job-stream/")) return PlatformRoute::kStream;
  return PlatformRoute::kOther;
}

PlatformRequest parse_head(const std::string& head) {
  PlatformRequest request;
  request.head = head;
  size_t line_end = head.find("\r\n");
  const std::string first = head.substr(0, line_end);
  const size_t space = first.find(' ');
  request.method = first.substr(0, space);
  request.target = first.substr(space + 1, first.rfind(' ') - space - 1);
  request.route = route_of(request.path());
  while (line_end != std::string::npos && line_end + 2 < head.size()) {
    const size_t begin = line_end + 2;
    line_end = head.find("\r\n", begin);
    const std::string line = head.substr(begin, line_end - begin);
    const size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    const size_t value = line.find_first_not_of(' ', colon + 1);
    request.headers.emplace_back(line.substr(0, colon),
                                 value == std::string::npos ? "" : line.substr(value));
  }
  return request;
}

}  // namespace

struct FakePlatform::Connection {
  std::atomic<int> socket{-1};
  int number = 0;
  std::string pending;  // bytes read beyond the last request
  std::atomic<bool> done{false};
  std::thread thread;

  ~Connection() {
    if (thread.joinable()) thread.join();
    if (socket >= 0) ::close(socket);
  }

  // Whether the peer has closed; bytes of a further request do not count.
  bool closed_by_peer() const {
    pollfd waiting{socket, POLLRDHUP, 0};
    return socket < 0 || ::poll(&waiting, 1, 0) < 0 ||
           (waiting.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
  }
};

std::string PlatformRequest::query() const {
  const size_t question = target.find('?');
  return question == std::string::npos ? "" : target.substr(question + 1);
}

std::optional<std::string> PlatformRequest::parameter(std::string_view name) const {
  const std::string text = query();
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find('&', begin), text.size());
    const std::string pair = text.substr(begin, end - begin);
    const size_t equals = pair.find('=');
    if (pair.substr(0, equals) == name) {
      return equals == std::string::npos ? "" : pair.substr(equals + 1);
    }
    begin = end + 1;
  }
  return std::nullopt;
}

std::optional<std::string> PlatformRequest::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (same_letters(key, name)) return value;
  }
  return std::nullopt;
}

std::string PlatformRequest::job_id() const {
  const std::string path_text = path();
  return path_text.substr(path_text.rfind('/') + 1);
}

bool PlatformRequest::is_result() const {
  return route == PlatformRoute::kDone && status >= 200 && status <= 299 &&
         !body.starts_with("{\"status\"");
}

FakePlatform::FakePlatform() {
  reserved_ = bound_socket();
  open();
}

FakePlatform::~FakePlatform() {
  close();
  ::close(reserved_);
}

// Of this port, or of any free one, which is this one from then on.
int FakePlatform::bound_socket() {
  const int bound = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int yes = 1;
  ::setsockopt(bound, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  ::setsockopt(bound, SOL_SOCKET, SO_REUSEPORT, &yes, sizeof yes);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port_));
  socklen_t size = sizeof address;
  if (::bind(bound, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      ::getsockname(bound, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    throw std::runtime_error("fake platform: cannot have its port");
  }
  port_ = ntohs(address.sin_port);
  return bound;
}

void FakePlatform::open() {
  stopping_ = false;
  listener_ = bound_socket();
  if (::listen(listener_, 64) != 0) throw std::runtime_error("fake platform: cannot listen");
  acceptor_ = std::thread([this] { accept_loop(); });
}

void FakePlatform::close() {
  if (listener_ < 0) return;
  stopping_ = true;
  ::shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  ::close(listener_);
  listener_ = -1;
  std::vector<std::unique_ptr<Connection>> connections;
  {
    const std::lock_guard lock(mutex_);
    connections.swap(connections_);
    for (const auto& connection : connections) ::shutdown(connection->socket, SHUT_RDWR);
    changed_.notify_all();
  }
}

std::map<std::string, std::string> FakePlatform::environment() const {
  const std::string base = "http://127.0.0.1:" + std::to_string(port_) + "/v2/ep1/";
  const std::string gpu = "?gpu=NVIDIA+GeForce+RTX+4090";
  return {{"RUNPOD_WEBHOOK_GET_JOB", base + "job-take/$ID" + gpu},
          {"RUNPOD_WEBHOOK_POST_OUTPUT", base + "job-done/$RUNPOD_POD_ID/$ID" + gpu},
          {"RUNPOD_WEBHOOK_POST_STREAM", base + "job-stream/$RUNPOD_POD_ID/$ID" + gpu},
          {"RUNPOD_WEBHOOK_PING", base + "ping/$RUNPOD_POD_ID" + gpu},
          {"RUNPOD_AI_API_KEY", "canary-api-key-7f3a"},
          {"RUNPOD_POD_ID", "podA"},
          {"RUNPOD_POD_HOSTNAME", "podA-host"}};
}

void FakePlatform::add_job(const Json& job) {
  const std::lock_guard lock(mutex_);
  queue_.push_back(job);
  changed_.notify_all();
}

void FakePlatform::add_job(const std::string& id, const Json& input) {
  add_job({{"id", id}, {"input", input}});
}

void FakePlatform::stop_jobs(const Json& ids) {
  const std::lock_guard lock(mutex_);
  stops_.push_back(ids);
  changed_.notify_all();
}

void FakePlatform::script(PlatformRoute route, std::vector<PlatformAnswer> answers) {
  const std::lock_guard lock(mutex_);
  for (PlatformAnswer& answer : answers) scripts_[route].push_back(std::move(answer));
}

void FakePlatform::on(PlatformRoute route, Hook hook) {
  const std::lock_guard lock(mutex_);
  hooks_[route] = std::move(hook);
}

void FakePlatform::alter(PlatformRoute route, Alter alter) {
  const std::lock_guard lock(mutex_);
  alters_[route] = std::move(alter);
}

void FakePlatform::on_handed_out(std::function<void(const std::vector<Json>&)> listener) {
  const std::lock_guard lock(mutex_);
  handed_out_listener_ = std::move(listener);
}

std::vector<PlatformRequest> FakePlatform::requests() const {
  const std::lock_guard lock(mutex_);
  std::vector<PlatformRequest> all;
  for (const auto& [number, request] : log_) all.push_back(request);
  return all;
}

std::vector<PlatformRequest> FakePlatform::requests(PlatformRoute route) const {
  const std::lock_guard lock(mutex_);
  std::vector<PlatformRequest> found;
  for (const auto& [number, request] : log_) {
    if (request.route == route) found.push_back(request);
  }
  return found;
}

std::vector<PlatformRequest> FakePlatform::results() const {
  std::vector<PlatformRequest> found = requests(PlatformRoute::kDone);
  std::erase_if(found, [](const PlatformRequest& request) { return !request.is_result(); });
  return found;
}

size_t FakePlatform::count(const std::function<bool(const PlatformRequest&)>& counts) const {
  const std::lock_guard lock(mutex_);
  return static_cast<size_t>(std::count_if(
      log_.begin(), log_.end(), [&](const auto& entry) { return counts(entry.second); }));
}

std::optional<nlohmann::json> FakePlatform::result_of(const std::string& id) const {
  for (const PlatformRequest& request : results()) {
    if (request.job_id() == id) return request.json();
  }
  return std::nullopt;
}

size_t FakePlatform::queued() const {
  const std::lock_guard lock(mutex_);
  return queue_.size();
}

bool FakePlatform::wait(const std::function<bool()>& condition, Milliseconds time) const {
  const auto end = SteadyClock::now() + time;
  while (!condition()) {
    std::unique_lock lock(mutex_);
    if (SteadyClock::now() >= end) return false;
    // Also for conditions that no request changes.
    changed_.wait_for(lock, milliseconds(10));
  }
  return true;
}

bool FakePlatform::wait_for(PlatformRoute route, size_t count, Milliseconds time) const {
  const auto there = [&](const PlatformRequest& request) { return request.route == route; };
  return wait([&] { return this->count(there) >= count; }, time);
}

bool FakePlatform::wait_for_results(size_t count, Milliseconds time) const {
  const auto there = [](const PlatformRequest& request) { return request.is_result(); };
  return wait([&] { return this->count(there) >= count; }, time);
}

void FakePlatform::accept_loop() {
  while (!stopping_) {
    const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (socket < 0) {
      if (stopping_) return;
      continue;
    }
    const int yes = 1;
    ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    reap();
    const std::lock_guard lock(mutex_);
    connections_.push_back(std::make_unique<Connection>());
    Connection& connection = *connections_.back();
    connection.socket = socket;
    connection.number = ++connection_count_;
    connection.thread = std::thread([this, &connection] {
      serve(connection);
      ::shutdown(connection.socket, SHUT_RDWR);
      connection.done = true;
    });
  }
}

void FakePlatform::reap() {
  std::vector<std::unique_ptr<Connection>> finished;
  const std::lock_guard lock(mutex_);
  for (auto& connection : connections_) {
    if (connection->done) finished.push_back(std::move(connection));
  }
  std::erase(connections_, nullptr);
}

std::optional<PlatformRequest> FakePlatform::read_request(Connection& connection) {
  std::string& buffer = connection.pending;
  const auto read_more = [&] {
    char bytes[65536];
    const ssize_t count = ::recv(connection.socket, bytes, sizeof bytes, 0);
    if (count > 0) buffer.append(bytes, static_cast<size_t>(count));
    return count > 0;
  };
  size_t head_end = 0;
  while ((head_end = buffer.find("\r\n\r\n")) == std::string::npos) {
    if (!read_more()) return std::nullopt;
  }
  PlatformRequest request = parse_head(buffer.substr(0, head_end));
  buffer.erase(0, head_end + 4);
  const size_t length =
      std::strtoul(request.header("Content-Length").value_or("0").c_str(), nullptr, 10);
  while (buffer.size() < length) {
    if (!read_more()) return std::nullopt;
  }
  request.body = buffer.substr(0, length);
  buffer.erase(0, length);
  request.connection = connection.number;
  request.at = SteadyClock::now();
  return request;
}

void FakePlatform::serve(Connection& connection) {
  while (auto request = read_request(connection)) {
    {
      const std::lock_guard lock(mutex_);
      request->number = ++request_count_;
      log_[request->number] = *request;
      changed_.notify_all();
    }
    std::vector<Json> handed_out;
    PlatformAnswer answer = answer_for(*request, connection, &handed_out);
    if (const Alter alter = alter_of(request->route)) alter(*request, answer);
    // Before the first byte goes out: the worker may act on it at once.
    auto ended = SteadyClock::now();
    const bool sent = send_answer(connection, answer, &ended, [&] {
      // Whoever sees what the worker does upon an answer finds it here.
      const std::lock_guard lock(mutex_);
      log_[request->number].status = answer.status;
    });
    const std::lock_guard lock(mutex_);
    // A worker that did not get its jobs must find them in the queue again.
    if (!sent) queue_.insert(queue_.begin(), handed_out.begin(), handed_out.end());
    if (sent && !handed_out.empty() && handed_out_listener_) handed_out_listener_(handed_out);
    PlatformRequest& logged = log_[request->number];
    logged.ended = ended;
    logged.abandoned = !sent && connection.closed_by_peer();
    logged.status = sent ? answer.status : 0;
    if (!logging_) log_.erase(request->number);
    changed_.notify_all();
    if (!sent || answer.close_after) return;
  }
}

FakePlatform::Alter FakePlatform::alter_of(PlatformRoute route) const {
  const std::lock_guard lock(mutex_);
  const auto found = alters_.find(route);
  return found == alters_.end() ? Alter() : found->second;
}

PlatformAnswer FakePlatform::answer_for(const PlatformRequest& request, Connection& connection,
                                        std::vector<Json>* handed_out) {
  Hook hook;
  {
    const std::lock_guard lock(mutex_);
    auto& scripted = scripts_[request.route];
    if (!scripted.empty()) {
      PlatformAnswer answer = std::move(scripted.front());
      scripted.pop_front();
      return answer;
    }
    hook = hooks_[request.route];
  }
  if (hook) {
    if (auto answer = hook(request)) return *answer;
  }
  switch (request.route) {
    case PlatformRoute::kTake:
      return take_jobs(request, connection, handed_out);
    case PlatformRoute::kStop:
      return take_stops(connection);
    case PlatformRoute::kOther:
      return PlatformAnswer::with_status(404);
    default:
      return PlatformAnswer::json({{"ok", true}});
  }
}

PlatformAnswer FakePlatform::take_jobs(const PlatformRequest& request, Connection& connection,
                                       std::vector<Json>* handed_out) {
  const bool batch = request.path().find("/job-take-batch/") != std::string::npos;
  const size_t wanted =
      batch ? std::strtoul(request.parameter("batch_size").value_or("0").c_str(), nullptr, 10) : 1;
  if (!hold(connection, hold_, [this] { return !queue_.empty(); })) {
    return PlatformAnswer::with_status(204);
  }
  const std::lock_guard lock(mutex_);
  while (!queue_.empty() && handed_out->size() < wanted) {
    handed_out->push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  if (handed_out->empty()) return PlatformAnswer::with_status(204);
  return PlatformAnswer::json(batch ? Json(*handed_out) : handed_out->front());
}

PlatformAnswer FakePlatform::take_stops(Connection& connection) {
  if (!hold(connection, hold_, [this] { return !stops_.empty(); })) {
    return PlatformAnswer::with_status(204);
  }
  const std::lock_guard lock(mutex_);
  if (stops_.empty()) return PlatformAnswer::with_status(204);
  const Json ids = std::move(stops_.front());
  stops_.pop_front();
  return PlatformAnswer::json({{"jobsToStop", ids}});
}

// Waits until `ready`; false when the time is over, the worker hung up, or the platform ends.
bool FakePlatform::hold(Connection& connection, Milliseconds time,
                        const std::function<bool()>& ready) {
  const auto end = SteadyClock::now() + time;
  std::unique_lock lock(mutex_);
  while (!stopping_ && SteadyClock::now() < end && !connection.closed_by_peer()) {
    if (ready()) return true;
    changed_.wait_for(lock, milliseconds(5));
  }
  return false;
}

bool FakePlatform::send_answer(Connection& connection, const PlatformAnswer& answer,
                               SteadyClock::time_point* ended,
                               const std::function<void()>& before_last_byte) {
  constexpr milliseconds kForever{3'600'000};
  const auto never = [] { return false; };
  if (answer.delay.count() > 0) hold(connection, answer.delay, never);
  if (answer.hang) hold(connection, kForever, never);
  *ended = SteadyClock::now();
  if (answer.reset) {
    const linger now{1, 0};
    const int socket = connection.socket.exchange(-1);
    ::setsockopt(socket, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    ::close(socket);
    return false;
  }
  if (answer.silent || answer.hang || stopping_ || connection.closed_by_peer()) return false;

  std::string head = "HTTP/1.1 " + std::to_string(answer.status) + " Scripted\r\n";
  if (!answer.body.empty() && !answer.content_type.empty()) {
    head += "Content-Type: " + answer.content_type + "\r\n";
  }
  for (const auto& [name, value] : answer.headers) head += name + ": " + value + "\r\n";
  if (answer.status != 204) {
    head += "Content-Length: " + std::to_string(answer.body.size()) + "\r\n";
  }
  head += "\r\n";
  const auto send_all = [&](std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(connection.socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
    return true;
  };
  if (answer.body_ready) {
    if (!send_all(head)) return false;
    if (answer.head_sent) answer.head_sent();
    if (!hold(connection, kForever, answer.body_ready)) return false;
    before_last_byte();
    return send_all(answer.body);
  }
  if (answer.cut) {
    send_all(head + answer.body.substr(0, answer.body.size() / 2));
    return false;
  }
  before_last_byte();
  return send_all(head + answer.body);
}

}  // namespace echo
