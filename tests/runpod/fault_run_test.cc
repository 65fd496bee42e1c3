// A thousand jobs on a platform where everything goes wrong now and then.
#include <algorithm>
#include <csignal>
#include <map>
#include <random>
#include <set>

#include "child.h"
#include "support/temp_dir.h"
#include "worker_fixture.h"

namespace echo::runpod {
namespace {

using Route = PlatformRoute;

constexpr int kJobs = 1'000;
constexpr int kConcurrency = 4;

// What the platform knows of one job.
struct Account {
  int handed_out = 0;     // answers to a take that got through with it
  int acknowledged = 0;   // final results that were answered with 200
  int unanswered = 0;     // final results that came, and whose answer was lost or an error
  bool stopped = false;   // named on the stop channel
  bool gone = false;      // a result was answered with 404
  bool rejected = false;  // a result was answered with 400
  std::string result;     // the acknowledged one
};

// The faulty platform: what it does to whom is drawn from one seeded generator.
class Chaos {
 public:
  Chaos(FakePlatform& platform, unsigned seed) : platform_(platform), random_(seed) {
    platform_.set_hold(milliseconds(300));
    platform_.on(Route::kTake, [this](const auto&) { return before_take(); });
    platform_.alter(Route::kTake, [this](const auto&, auto& answer) { alter_jobs(answer); });
    platform_.on_handed_out([this](const auto& jobs) {
      const std::lock_guard lock(mutex_);
      for (const Json& job : jobs) ++accounts_[job["id"].template get<std::string>()].handed_out;
    });
    platform_.on(Route::kDone, [this](const auto& request) { return on_done(request); });
    platform_.on(Route::kStream, [this](const auto&) { return sometimes_failing(0.20); });
    platform_.on(Route::kPing, [this](const auto&) { return sometimes_failing(0.15); });
    platform_.on(Route::kStop, [this](const auto&) { return sometimes_failing(0.10); });
  }

  ~Chaos() { platform_.close(); }  // nobody calls the hooks any more

  void add_jobs(int from, int to) {
    for (int i = from; i < to; ++i) {
      const std::string id = "job-" + std::to_string(i);
      Json input = {{"mock_delay", draw(20)}, {"mock_return", id}};
      if (draw(10) == 0) input["mock_progress"] = 3;
      if (draw(10) == 0) input["mock_stream"] = 4;
      if (draw(20) == 0) input["mock_raise"] = "boom";
      if (draw(20) == 0) input["mock_error"] = "bad parameter";
      {
        const std::lock_guard lock(mutex_);
        inputs_[id] = input;
        accounts_[id];
      }
      platform_.add_job(id, input);
    }
  }

  // Stops some of the jobs that are out.
  void stop_some() {
    Json ids = Json::array({"unknown-job", 7});
    {
      const std::lock_guard lock(mutex_);
      for (auto& [id, account] : accounts_) {
        const bool out = account.handed_out > 0 && account.acknowledged == 0 && !account.gone;
        if (out && !account.stopped && ids.size() < 3) {
          account.stopped = true;
          ids.push_back(id);
        }
      }
    }
    platform_.stop_jobs(ids);
  }

  // Jobs that were handed out and have no end yet.
  std::vector<std::string> open_jobs() const {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> open;
    for (const auto& [id, account] : accounts_) {
      if (account.handed_out > 0 && !ended(account)) open.push_back(id);
    }
    return open;
  }

  bool all_ended() const {
    const std::lock_guard lock(mutex_);
    return std::all_of(accounts_.begin(), accounts_.end(),
                       [](const auto& entry) { return ended(entry.second); });
  }

  int ended_jobs() const {
    const std::lock_guard lock(mutex_);
    return static_cast<int>(std::count_if(accounts_.begin(), accounts_.end(),
                                          [](const auto& e) { return ended(e.second); }));
  }

  // What a platform does with jobs whose worker is gone.
  void retry(const std::vector<std::string>& ids) {
    for (const std::string& id : ids) {
      Json input;
      {
        const std::lock_guard lock(mutex_);
        accounts_[id].handed_out = 0;
        input = inputs_[id];
      }
      platform_.add_job(id, input);
    }
  }

  std::map<std::string, Account> accounts() const {
    const std::lock_guard lock(mutex_);
    return accounts_;
  }
  std::map<std::string, Json> inputs() const {
    const std::lock_guard lock(mutex_);
    return inputs_;
  }
  int faults() const { return faults_; }
  int bad_items_answered() const { return bad_items_answered_; }
  int bad_items() const { return static_cast<int>(bad_items_.size()); }

 private:
  static bool ended(const Account& account) {
    return account.acknowledged > 0 || account.stopped || account.gone;
  }

  int draw(int below) {
    const std::lock_guard lock(random_mutex_);
    return std::uniform_int_distribution<int>(0, below - 1)(random_);
  }

  // A fault with this probability.
  std::optional<PlatformAnswer> sometimes_failing(double probability) {
    if (draw(10'000) >= probability * 10'000) return std::nullopt;
    ++faults_;
    PlatformAnswer answer;
    switch (draw(7)) {
      case 0:
        return PlatformAnswer::with_status(500);
      case 1:
        return PlatformAnswer::with_status(503);
      case 2:
        return PlatformAnswer::with_status(429);
      case 3:
        answer.reset = true;
        return answer;
      case 4:
        answer.silent = true;
        return answer;
      case 5:
        answer.body = "{half";
        answer.cut = true;
        return answer;
      default:
        answer = PlatformAnswer::with_status(502);
        answer.delay = milliseconds(50 + draw(200));
        return answer;
    }
  }

  std::optional<PlatformAnswer> before_take() {
    if (auto fault = sometimes_failing(0.12)) return fault;
    if (draw(50) == 0) return PlatformAnswer::with_status(400);
    if (draw(50) == 0) return PlatformAnswer::with_status(204);
    return std::nullopt;
  }

  // Adds items that are no jobs and copies of jobs, delays the answer, or cuts it off.
  void alter_jobs(PlatformAnswer& answer) {
    if (answer.status != 200 || answer.body.empty() || !Json::accept(answer.body)) return;
    Json jobs = Json::parse(answer.body);
    if (jobs.is_object()) jobs = Json::array({jobs});
    const int fault = draw(20);
    if (fault == 0) {
      ++faults_;
      answer.cut = true;  // the jobs go back to the queue
      return;
    }
    const Json originals = jobs;
    if (fault == 1) {
      ++faults_;
      const std::string id = "bad-" + std::to_string(draw(1'000'000'000));
      {
        const std::lock_guard lock(mutex_);
        bad_items_.insert(id);
      }
      jobs.insert(jobs.begin(), {Json(7), Json::object(), Json{{"input", 1}}, Json{{"id", id}}});
    }
    if (fault == 2 || fault == 3) {
      ++faults_;
      jobs.push_back(originals[0]);
    }
    if (fault == 4) answer.delay = milliseconds(draw(100));
    if (fault == 5) {
      const auto when = steady_clock::now() + milliseconds(draw(100));
      answer.body_ready = [when] { return steady_clock::now() >= when; };
    }
    answer.body = jobs.dump();
  }

  std::optional<PlatformAnswer> on_done(const PlatformRequest& request) {
    const std::string id = request.job_id();
    if (request.body.rfind("{\"status\"", 0) == 0) return sometimes_failing(0.10);
    auto fault = sometimes_failing(0.20);
    const int special = draw(200);
    const std::lock_guard lock(mutex_);
    if (bad_items_.count(id) != 0) {
      if (!fault) ++bad_items_answered_;
      return fault;
    }
    Account& account = accounts_[id];
    if (fault) {
      ++account.unanswered;
      return fault;
    }
    if (special == 0) {
      account.gone = true;
      return PlatformAnswer::with_status(404);
    }
    if (special == 1 && !account.rejected) {
      account.rejected = true;
      return PlatformAnswer::with_status(400);
    }
    ++account.acknowledged;
    account.result = request.body;
    return std::nullopt;
  }

  FakePlatform& platform_;
  mutable std::mutex random_mutex_;
  std::mt19937 random_;
  std::atomic<int> faults_{0};
  std::atomic<int> bad_items_answered_{0};
  mutable std::mutex mutex_;
  std::map<std::string, Account> accounts_;
  std::map<std::string, Json> inputs_;
  std::set<std::string> bad_items_;
};

// What a process used while it worked.
struct Usage {
  std::vector<long> resident;
  long most_threads = 0;
  long most_descriptors = 0;

  void look(const Child& worker) {
    resident.push_back(worker.resident_kilobytes());
    most_threads = std::max(most_threads, worker.threads());
    most_descriptors = std::max(most_descriptors, worker.descriptors());
  }
};

void expect_expected_result(const std::string& id, const Account& account, const Json& input) {
  const Json body = Json::parse(account.result);
  if (account.rejected) {
    EXPECT_EQ(body.at("error").get<std::string>().rfind("result_rejected: ", 0), 0u) << id;
  } else if (input.contains("mock_raise")) {
    // A stream's exception is a line, the others are six fields.
    EXPECT_NE(body.at("error").get<std::string>().find("boom"), std::string::npos) << id;
  } else if (input.contains("mock_error")) {
    EXPECT_EQ(body, Json({{"error", "invalid_input: bad parameter"}})) << id;
  } else {
    EXPECT_EQ(body, Json({{"output", id}})) << id;
  }
}

// Samples until `done`; false when it takes longer than three minutes.
bool watch(const Child& worker, Usage& usage, Chaos& chaos, const std::function<bool()>& done) {
  const auto end = steady_clock::now() + std::chrono::minutes(3);
  for (int tick = 0; !done(); ++tick) {
    if (steady_clock::now() > end) return false;
    usage.look(worker);
    if (tick % 4 == 3) chaos.stop_some();
    std::this_thread::sleep_for(milliseconds(50));
  }
  return true;
}

void expect_no_leak(const Usage& usage) {
  // Four slots, a sender for each, take, stop, ping, signals, main; a handful of descriptors each.
  EXPECT_LE(usage.most_threads, 2 * kConcurrency + 6);
  EXPECT_LE(usage.most_descriptors, 80);
  ASSERT_GE(usage.resident.size(), 10u);
  const auto largest_of = [&](size_t from, size_t to) {
    return *std::max_element(usage.resident.begin() + static_cast<long>(from),
                             usage.resident.begin() + static_cast<long>(to));
  };
  const size_t half = usage.resident.size() / 2;
  EXPECT_LE(largest_of(half, usage.resident.size()), largest_of(0, half) + 3 * 1024)
      << "kilobytes in the second half against the first";
}

TEST(SlowFaultRun, EveryJobIsAnsweredOnceOrLeftOnPurpose) {
  const TempDir directory;
  FakePlatform platform;
  platform.set_logging(false);
  auto environment = platform.environment();
  environment["TEST_CONCURRENCY"] = std::to_string(kConcurrency);
  Chaos chaos(platform, 20240229);
  chaos.add_jobs(0, kJobs);

  Usage first_usage;
  std::vector<std::string> left;
  {
    Child worker(environment, directory.path());
    ASSERT_TRUE(watch(worker, first_usage, chaos, [&] { return chaos.ended_jobs() >= kJobs / 2; }))
        << chaos.ended_jobs() << worker.output();
    worker.send(SIGTERM);
    ASSERT_EQ(worker.wait(milliseconds(60'000)), 0);
    left = chaos.open_jobs();
    // A job is left only if its answer crossed the closing of the poll: it never started.
    const std::string log = worker.output();
    for (const std::string& id : left) {
      EXPECT_EQ(log.find("| " + id + " | Started."), std::string::npos) << id;
    }
    EXPECT_LE(left.size(), static_cast<size_t>(kConcurrency));
  }
  chaos.retry(left);

  Usage second_usage;
  Child worker(environment, directory.path());
  ASSERT_TRUE(watch(worker, second_usage, chaos, [&] { return chaos.all_ended(); }))
      << chaos.ended_jobs() << worker.output();
  worker.send(SIGTERM);
  ASSERT_EQ(worker.wait(milliseconds(60'000)), 0);

  int answered = 0;
  int stopped = 0;
  int gone = 0;
  const auto inputs = chaos.inputs();
  for (const auto& [id, account] : chaos.accounts()) {
    EXPECT_LE(account.acknowledged, 1) << id;
    EXPECT_EQ(account.handed_out, 1) << id;
    if (account.acknowledged == 1) {
      ++answered;
      expect_expected_result(id, account, inputs.at(id));
    } else {
      EXPECT_TRUE(account.stopped || account.gone) << id << " has no end";
      stopped += account.stopped;
      gone += account.gone;
    }
  }
  EXPECT_EQ(chaos.bad_items_answered(), chaos.bad_items());
  EXPECT_GE(answered, kJobs * 8 / 10);
  EXPECT_GE(chaos.faults(), 400);
  expect_no_leak(first_usage);
  expect_no_leak(second_usage);
  EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
  std::printf("%d answered, %d stopped, %d gone, %zu left at the restart, %d faults\n", answered,
              stopped, gone, left.size(), chaos.faults());
  std::printf("resident kB %ld -> %ld and %ld -> %ld, threads %ld, descriptors %ld\n",
              first_usage.resident.front(), first_usage.resident.back(),
              second_usage.resident.front(), second_usage.resident.back(),
              second_usage.most_threads, second_usage.most_descriptors);
}

}  // namespace
}  // namespace echo::runpod
