#include "test_server.h"

#include <stdexcept>
#include <thread>

namespace echo::server {

using namespace std::chrono_literals;

JobOutcome FakeHandler::operator()(const Job& job, JobContext& context) {
  {
    const std::lock_guard lock(mutex_);
    ++started_;
    changed_.notify_all();
  }
  const Json& input = job.input();
  if (!input.is_object()) return JobOutcome::success(input);
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
    return JobOutcome::failure("invalid_input", input["error"].get<std::string>());
  }
  if (input.contains("echo")) return JobOutcome::success(job.document());
  return JobResult{input.value("return", Json()), input.value("format", "")};
}

void FakeHandler::release() {
  const std::lock_guard lock(mutex_);
  released_ = true;
  changed_.notify_all();
}

bool FakeHandler::wait_for_started(int count) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, 2min, [&] { return started_ >= count; });
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
  setup.options.http.host = setup.everybody ? "0.0.0.0" : "127.0.0.1";
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
  request.timeouts.total = 4min;
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
  const auto end = std::chrono::steady_clock::now() + 2min;
  while (state(id) != wanted) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(2ms);
  }
  return true;
}

bool TestServer::wait_for_held(size_t count) {
  const auto end = std::chrono::steady_clock::now() + 2min;
  while (api_->jobs().counts().held != count) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(1ms);
  }
  return true;
}

}  // namespace echo::server
