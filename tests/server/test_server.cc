#include "test_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>
#include <thread>

namespace echo::server {

using namespace std::chrono_literals;

runpod::JobOutcome FakeHandler::operator()(const runpod::Job& job, runpod::JobContext& context) {
  {
    const std::lock_guard lock(mutex_);
    ++started_;
    changed_.notify_all();
  }
  const Json& input = job.input();
  if (!input.is_object()) return runpod::JobOutcome::success(input);
  if (input.contains("progress")) {
    for (const Json& update : input["progress"]) context.progress(update);
  }
  if (input.contains("stream")) {
    for (const Json& piece : input["stream"]) context.stream(piece);
  }
  if (input.contains("wait")) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait(lock, context.stop_token(), [this] { return released_; })) {
      ++cancelled_;
      changed_.notify_all();
      throw Error(ErrorCode::kCancelled, "cancelled");
    }
  }
  if (input.contains("throw")) throw std::runtime_error(input["throw"].get<std::string>());
  if (input.contains("fatal")) throw_internal("the device is broken");
  if (input.contains("error")) {
    return runpod::JobOutcome::failure("invalid_input", input["error"].get<std::string>());
  }
  if (input.contains("echo")) return runpod::JobOutcome::success(job.document());
  return runpod::JobOutcome::success(input.value("return", Json()));
}

void FakeHandler::release() {
  const std::lock_guard lock(mutex_);
  released_ = true;
  changed_.notify_all();
}

bool FakeHandler::wait_for_started(int count) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, 10s, [&] { return started_ >= count; });
}

int FakeHandler::started() const {
  const std::lock_guard lock(mutex_);
  return started_;
}

int FakeHandler::cancelled() const {
  const std::lock_guard lock(mutex_);
  return cancelled_;
}

TestServer::TestServer(Setup setup) {
  setup.options.http.host = "127.0.0.1";
  setup.options.http.port = 0;
  setup.options.jobs.tick = 5ms;
  ServerParts parts{logger_,
                    http_.get(),
                    setup.files,
                    setup.metrics,
                    setup.clock == nullptr ? real_clock() : *setup.clock,
                    setup.fatal,
                    setup.problems};
  api_ = std::make_unique<ApiServer>(setup.options, parts);
  api_->start();
  if (setup.ready) api_->set_ready(handler_.handler());
}

TestServer::~TestServer() { handler_.release(); }

std::string TestServer::url(const std::string& target) const {
  return "http://127.0.0.1:" + std::to_string(port()) + target;
}

Answer TestServer::request(const std::string& method, const std::string& target, std::string body,
                           HttpHeaders headers) const {
  HttpRequest request;
  request.method = method;
  request.url = url(target);
  request.headers = std::move(headers);
  request.body = std::move(body);
  request.max_redirects = 0;
  request.timeouts.total = 60s;
  request.max_body = 64 << 20;
  HttpResponse response = http_->perform(request);
  if (response.error != TransportError::kNone) {
    throw std::runtime_error(method + " " + target + ": " + response.error_text);
  }
  return {response.status, std::move(response.headers), std::move(response.body)};
}

std::string TestServer::run(const Json& input, const Json& extra) const {
  Json body = {{"input", input}};
  body.update(extra);
  const Answer answer = post("/v2/ep/run", body);
  if (answer.status != 200) throw std::runtime_error("run: " + answer.body);
  return answer.json()["id"];
}

std::string TestServer::state(const std::string& id) const {
  return get("/v2/ep/status/" + id).json().value("status", "");
}

bool TestServer::wait_for_state(const std::string& id, const std::string& wanted) const {
  const auto end = std::chrono::steady_clock::now() + 10s;
  while (state(id) != wanted) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(2ms);
  }
  return true;
}

bool TestServer::wait_for_held(size_t count) {
  const auto end = std::chrono::steady_clock::now() + 10s;
  while (api_->jobs().counts().held != count) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(1ms);
  }
  return true;
}

RawClient::RawClient(int port) {
  socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  if (::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    ::close(socket_);
    throw std::runtime_error("cannot connect");
  }
  const int on = 1;  // parts are sent as they are given
  ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

RawClient::~RawClient() { ::close(socket_); }

bool RawClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

void RawClient::finish_sending() { ::shutdown(socket_, SHUT_WR); }

bool RawClient::fill() {
  pollfd ready{socket_, POLLIN, 0};
  if (::poll(&ready, 1, 10'000) <= 0) return false;
  char bytes[65536];
  const ssize_t got = ::recv(socket_, bytes, sizeof bytes, 0);
  if (got <= 0) return false;
  buffer_.append(bytes, static_cast<size_t>(got));
  return true;
}

std::string RawClient::read_until(std::string_view end) {
  size_t found = std::string::npos;
  while (end.empty() || (found = buffer_.find(end)) == std::string::npos) {
    if (!fill()) break;
  }
  const size_t size = found == std::string::npos ? buffer_.size() : found + end.size();
  std::string text = buffer_.substr(0, size);
  buffer_.erase(0, size);
  return text;
}

Answer RawClient::read_answer() {
  const std::string head = read_until("\r\n\r\n");
  Answer answer;
  if (!head.starts_with("HTTP/1.1 ")) return answer;
  answer.status = std::stoi(head.substr(9));
  for (size_t at = head.find("\r\n") + 2; at + 2 < head.size();) {
    const size_t end = head.find("\r\n", at);
    const size_t colon = head.find(": ", at);
    answer.headers.push_back(
        {head.substr(at, colon - at), head.substr(colon + 2, end - colon - 2)});
    at = end + 2;
  }
  const std::string length = answer.header("Content-Length");
  const size_t size = length.empty() ? 0 : std::stoul(length);
  while (buffer_.size() < size && fill()) {
  }
  answer.body = buffer_.substr(0, size);
  buffer_.erase(0, size);
  return answer;
}

bool RawClient::closed_by_server(std::chrono::milliseconds patience) {
  pollfd ready{socket_, POLLIN, 0};
  if (::poll(&ready, 1, static_cast<int>(patience.count())) <= 0) return false;
  char byte;
  return ::recv(socket_, &byte, 1, MSG_PEEK) <= 0;
}

}  // namespace echo::server
