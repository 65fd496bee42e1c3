#include "worker_fixture.h"

#include <algorithm>
#include <cstdlib>

namespace echo::runpod {

void Gate::open() {
  const std::lock_guard lock(mutex_);
  open_ = true;
  changed_.notify_all();
}

bool Gate::wait(std::stop_token stop) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, std::move(stop), FakePlatform::kPatience,
                           [this] { return open_; });
}

WorkerOptions options_on(const FakePlatform& platform) {
  WorkerOptions options = worker_options_from(environment_of(platform.environment()), nullptr);
  options.timing = quick_timing();
  options.ping_interval = milliseconds(100);
  options.log_level = LogLevel::kTrace;
  return options;
}

Environment environment_of(std::map<std::string, std::string> variables) {
  return [variables = std::move(variables)](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  };
}

void work_until_stopped(JobContext& context) {
  while (!context.stop_token().stop_requested()) {
    context.sign_of_life();
    std::this_thread::sleep_for(milliseconds(1));
  }
}

JobOutcome echo_handler(const Job& job, JobContext&) { return JobOutcome::success(job.input()); }

RunningWorker::RunningWorker(WorkerOptions options, Handler handler)
    : RunningWorker(std::move(options),
                    WorkerSetup{{}, [handler = std::move(handler)] { return handler; }, {}}) {}

RunningWorker::RunningWorker(WorkerOptions options, WorkerSetup setup) : http_(make_http_client()) {
  LogOptions log;
  log.level = options.log_level;
  log.json = !options.endpoint_id.empty();
  logger_ = std::make_unique<Logger>(log, sink_);
  worker_ = std::make_unique<Worker>(std::move(options), *http_, *logger_, [this](int code) {
    const std::lock_guard lock(mutex_);
    hard_exits_.push_back(code);
  });
  thread_ = std::thread([this, setup = std::move(setup)] {
    int code = -2;
    try {
      code = worker_->run(setup);
    } catch (const std::exception& error) {
      logger_->error(error.what());
    }
    const std::lock_guard lock(mutex_);
    exit_code_ = code;
    changed_.notify_all();
  });
}

RunningWorker::~RunningWorker() {
  worker_->request_shutdown();
  if (exit_code() == -1) {
    std::fprintf(stderr, "the worker does not end:\n%s\n", log().c_str());
    std::abort();
  }
  thread_.join();
}

int RunningWorker::exit_code() {
  std::unique_lock lock(mutex_);
  if (!changed_.wait_for(lock, FakePlatform::kPatience, [this] { return exit_code_.has_value(); }))
    return -1;
  return *exit_code_;
}

bool RunningWorker::logs(std::string_view text, int lines) const {
  const auto end = steady_clock::now() + FakePlatform::kPatience;
  while (sink_->count(text) < lines && steady_clock::now() < end) {
    std::this_thread::sleep_for(milliseconds(2));
  }
  return sink_->count(text) == lines;
}

std::vector<int> RunningWorker::hard_exits() const {
  const std::lock_guard lock(mutex_);
  return hard_exits_;
}

milliseconds between(steady_clock::time_point from, steady_clock::time_point to) {
  return std::chrono::duration_cast<milliseconds>(to - from);
}

}  // namespace echo::runpod
