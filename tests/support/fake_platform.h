// The platform's side of the worker protocol on a loopback socket: scripted answers, faults, and a
// log of every request as it came.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace echo {

enum class PlatformRoute { kTake, kStop, kPing, kDone, kStream, kOther };

struct PlatformRequest {
  using TimePoint = std::chrono::steady_clock::time_point;

  uint64_t number = 0;  // in the order of their arrival, from 1
  PlatformRoute route = PlatformRoute::kOther;
  std::string head;  // raw bytes up to the empty line
  std::string method;
  std::string target;
  std::vector<std::pair<std::string, std::string>> headers;  // as they came
  std::string body;
  int connection = 0;
  TimePoint at{};          // when it was complete
  TimePoint ended{};       // when its answer began to be sent or was given up; epoch until then
  bool abandoned = false;  // the worker closed the connection before the answer
  int status = 0;          // what was answered; 0 for nothing

  std::string path() const { return target.substr(0, target.find('?')); }
  std::string query() const;
  // A query parameter as it stands there, and whether it does.
  std::optional<std::string> parameter(std::string_view name) const;
  std::optional<std::string> header(std::string_view name) const;  // any case
  bool is_result() const;  // of a job, and accepted
  std::string job_id() const;  // of done and stream paths, still encoded
  nlohmann::json json() const { return nlohmann::json::parse(body); }
};

struct PlatformAnswer {
  int status = 200;
  std::string body = {};
  std::string content_type = "application/json";
  std::vector<std::pair<std::string, std::string>> headers = {};
  std::chrono::milliseconds delay{0};  // before the first byte
  // With it the body follows its head only when it returns true; `head_sent` is told before.
  std::function<bool()> body_ready = {};
  std::function<void()> head_sent = {};
  bool hang = false;         // no answer until the worker closes or the platform ends
  bool silent = false;       // closes without a byte
  bool reset = false;        // closes with RST
  bool cut = false;          // closes in the middle of the body
  bool close_after = false;  // closes a kept connection after the answer, unannounced

  static PlatformAnswer with_status(int status) { return {status, ""}; }
  static PlatformAnswer json(const nlohmann::json& value) { return {200, value.dump()}; }
};

// Threads: every member from any thread; hooks are called from the connections' threads.
class FakePlatform {
 public:
  using Hook = std::function<std::optional<PlatformAnswer>(const PlatformRequest&)>;
  using Json = nlohmann::json;
  using Milliseconds = std::chrono::milliseconds;

  // How long a test waits for an event before it fails. Those that come end the wait.
  static constexpr Milliseconds kPatience{120'000};

  FakePlatform();
  ~FakePlatform();
  FakePlatform(const FakePlatform&) = delete;
  FakePlatform& operator=(const FakePlatform&) = delete;

  int port() const { return port_; }
  // Stops listening and drops every connection; open() listens on the same port again.
  void close();
  void open();

  // RUNPOD_* variables as the platform sets them, for worker `podA` of endpoint `ep1`.
  std::map<std::string, std::string> environment() const;

  // Jobs wait in a queue; a take request gets as many as it asks for, or 204 after the hold time.
  void add_job(const Json& job);
  void add_job(const std::string& id, const Json& input);
  void stop_jobs(const Json& ids);
  void set_hold(Milliseconds hold) { hold_ = hold; }

  // The next answers of a route, before its usual behaviour.
  void script(PlatformRoute route, std::vector<PlatformAnswer> answers);
  // Asked for every request that no script answers; nothing means the usual behaviour.
  void on(PlatformRoute route, Hook hook);

  // Changes any answer just before it is sent. Jobs whose answer does not get
  // through go back to the queue.
  using Alter = std::function<void(const PlatformRequest&, PlatformAnswer&)>;
  void alter(PlatformRoute route, Alter alter);

  // Told of the jobs of every answer that got through.
  void on_handed_out(std::function<void(const std::vector<Json>&)> listener);

  std::vector<PlatformRequest> requests() const;
  std::vector<PlatformRequest> requests(PlatformRoute route) const;
  // Final results (no progress), in the order of their arrival, that were answered with 2xx.
  std::vector<PlatformRequest> results() const;
  std::optional<Json> result_of(const std::string& id) const;
  size_t queued() const;

  // Whether the condition came true within the time; it is asked again after every event.
  bool wait(const std::function<bool()>& condition, Milliseconds time = kPatience) const;
  bool wait_for(PlatformRoute route, size_t count, Milliseconds time = kPatience) const;
  bool wait_for_results(size_t count, Milliseconds time = kPatience) const;

  // For long runs: requests are forgotten once they are answered.
  void set_logging(bool on) { logging_ = on; }

 private:
  struct Connection;

  size_t count(const std::function<bool(const PlatformRequest&)>& counts) const;
  Alter alter_of(PlatformRoute route) const;
  void accept_loop();
  void serve(Connection& connection);
  std::optional<PlatformRequest> read_request(Connection& connection);
  PlatformAnswer answer_for(const PlatformRequest& request, Connection& connection,
                            std::vector<Json>* handed_out);
  PlatformAnswer take_jobs(const PlatformRequest& request, Connection& connection,
                           std::vector<Json>* handed_out);
  PlatformAnswer take_stops(Connection& connection);
  bool send_answer(Connection& connection, const PlatformAnswer& answer,
                   PlatformRequest::TimePoint* ended,
                   const std::function<void()>& before_last_byte);
  bool hold(Connection& connection, Milliseconds time, const std::function<bool()>& ready);
  void reap();

  int bound_socket();

  int reserved_ = -1;  // keeps the port for open() while nobody listens
  int listener_ = -1;
  int port_ = 0;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> logging_{true};
  std::atomic<Milliseconds> hold_{Milliseconds(2'000)};
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::deque<Json> queue_;
  std::deque<Json> stops_;
  std::map<PlatformRoute, std::deque<PlatformAnswer>> scripts_;
  std::map<PlatformRoute, Hook> hooks_;
  std::map<PlatformRoute, Alter> alters_;
  std::function<void(const std::vector<Json>&)> handed_out_listener_;
  std::map<uint64_t, PlatformRequest> log_;
  uint64_t request_count_ = 0;
  int connection_count_ = 0;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::thread acceptor_;
};

}  // namespace echo
