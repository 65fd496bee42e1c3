// A running API with a handler that does as its input says, and clients for it.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "net/curl_http_client.h"
#include "server/api_server.h"
#include "support/kept_log.h"
#include "support/raw_client.h"

namespace echo::server {

// Does what its input asks for: {"return": value, "format": name}, {"error": text}, {"throw":
// text},
// {"stream": [pieces]}, {"progress": [updates]}, {"wait": true} (until release() or the job is no
// longer wanted), {"fatal": true}, {"echo": true} (returns the whole job). Streams come before the
// wait. Threads: any.
class FakeHandler {
 public:
  JobOutcome operator()(const Job& job, JobContext& context);
  Handler handler() {
    return [this](const Job& job, JobContext& context) { return (*this)(job, context); };
  }

  // Ends the waits of all jobs, those to come included.
  void release();
  // Until so many jobs have been started; false after two minutes.
  bool wait_for_started(int count);
  int started() const;
  int cancelled() const;

 private:
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  bool released_ = false;
  int started_ = 0;
  int cancelled_ = 0;
};

class TestServer {
 public:
  struct Setup {
    ServerOptions options;
    DirectoryStore* files = nullptr;
    Metrics* metrics = nullptr;
    Clock* clock = nullptr;
    std::function<void(const std::string&)> fatal;
    std::function<std::vector<std::string>()> problems;
    bool ready = true;
    bool everybody = false;  // listens on all addresses
  };

  // Listens on free ports of the loopback address.
  TestServer() : TestServer(Setup{}) {}
  explicit TestServer(Setup setup);
  ~TestServer();

  ApiServer& api() { return *api_; }
  FakeHandler& handler() { return handler_; }
  std::string log() const { return log_->text(); }
  int port() const { return api_->port(); }
  std::string url(const std::string& target) const;

  Answer request(const std::string& method, const std::string& target, std::string body = "",
                 HttpHeaders headers = {}) const;
  Answer get(const std::string& target, HttpHeaders headers = {}) const {
    return request("GET", target, "", std::move(headers));
  }
  Answer post(const std::string& target, const Json& body) const {
    return request("POST", target, body.dump(), {{"Content-Type", "application/json"}});
  }
  Answer post(const std::string& target) const { return request("POST", target); }

  // Submits a job to the hosted API and returns its id.
  std::string run(const Json& input, const Json& extra = Json::object()) const;
  std::string state(const std::string& id) const;
  // Asks again until the job is in that state; false after two minutes.
  bool wait_for_state(const std::string& id, const std::string& state) const;
  // The same until so many requests are held.
  bool wait_for_held(size_t count);

 private:
  std::shared_ptr<KeptLog> log_ = std::make_shared<KeptLog>();
  Logger logger_{LogOptions{}, log_};
  std::unique_ptr<HttpClient> http_ = make_http_client();
  FakeHandler handler_;
  std::unique_ptr<ApiServer> api_;
};

}  // namespace echo::server
