// Our queue worker, the same with a handler that sleeps instead of an engine, and one of the
// platform's own Python SDK with such a handler, in turn on the same fake platform.
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <map>
#include <mutex>
#include <random>
#include <string>
#include <vector>

#include "bench/tool.h"
#include "support/child_process.h"
#include "support/client_python.h"
#include "support/fake_platform.h"
#include "support/http_peer.h"
#include "support/paths.h"
#include "support/temp_dir.h"

namespace echo {
namespace {

using Clock = std::chrono::steady_clock;
using nlohmann::json;
using std::chrono::milliseconds;

double ms_between(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double, std::milli>(to - from).count();
}

double quantile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const auto at = static_cast<size_t>(share * static_cast<double>(values.size()));
  return values[std::min(values.size() - 1, at)];
}

enum class Worker {
  kProgram,   // ours, with a tiny model
  kSleeping,  // ours, with a handler that sleeps (bench/sleeping_worker.cc)
  kSdk,       // theirs, with such a handler (bench/sdk_worker.py)
};

struct Kind {
  Worker worker = Worker::kProgram;
  std::string model;         // of the program
  std::string python;        // of the SDK
  std::string bucket;        // where the program puts its files
  double sleep_seconds = 0;  // of a handler, for a job of speech

  const char* name() const {
    switch (worker) {
      case Worker::kProgram:
        return "echo-tts";
      case Worker::kSleeping:
        return "its worker, with a handler that sleeps";
      case Worker::kSdk:
        break;
    }
    return "`runpod` (Python), likewise";
  }
  bool sleeps() const { return worker != Worker::kProgram; }
  std::vector<std::string> command(int at_once) const {
    if (worker == Worker::kProgram) return {program_path(), "worker", "--model", model};
    if (worker == Worker::kSleeping) return {ECHO_SLEEPING_WORKER, std::to_string(at_once)};
    return {python, source_path("/bench/sdk_worker.py"), std::to_string(at_once)};
  }
  json nothing() const { return sleeps() ? json{{"sleep", 0}} : json{{"action", "health_check"}}; }
  json speech() const {
    if (sleeps()) return {{"sleep", sleep_seconds}};
    return {{"text", "Hello there, this is a short test."},
            {"parameters", {{"num_steps", 3}, {"sequence_length", 6}}}};
  }
};

// A worker process of one kind with its platform.
class Run {
 public:
  Run(const Kind& kind, int at_once, const std::string& folder) : kind_(kind) {
    platform_.set_hold(milliseconds(500));
    platform_.on_handed_out([this](const std::vector<json>& jobs) {
      const auto now = Clock::now();
      const std::lock_guard lock(mutex_);
      for (const json& job : jobs) handed_out_[job.at("id")] = now;
    });
    for (const auto& [name, value] : platform_.environment()) {
      environment_.push_back(name + "=" + value);
    }
    for (const char* more :
         {"RUNPOD_SKIP_AUTO_SYSTEM_CHECKS=true", "RUNPOD_LOG_LEVEL=ERROR", "S3_ACCESS_KEY_ID=key",
          "S3_SECRET_ACCESS_KEY=secret", "S3_BUCKET_NAME=tts"}) {
      environment_.emplace_back(more);
    }
    environment_.push_back("S3_ENDPOINT_URL=" + kind.bucket);
    environment_.push_back("AUDIO_VOICES_DIR=" + folder + "/voices");
    environment_.push_back("OUTPUT_AUDIO_DIR=" + folder + "/output");
    environment_.push_back("ECHO_CONCURRENCY=" + std::to_string(at_once));
    // The shell tells its number, which is then the worker's.
    std::vector<std::string> command = {"/bin/sh", "-c", "echo $$; exec \"$@\"", "sh"};
    for (const std::string& part : kind.command(at_once)) command.push_back(part);
    begin_ = Clock::now();
    process_ = std::make_unique<ChildProcess>(command, environment_);
    pid_ = process_->read_line(std::chrono::minutes(1)).value_or("self");
  }

  FakePlatform& platform() { return platform_; }
  ChildProcess& process() { return *process_; }
  Clock::time_point begin() const { return begin_; }
  Clock::time_point handed_out(const std::string& id) const {
    const std::lock_guard lock(mutex_);
    return handed_out_.at(id);
  }
  size_t handed_out_count() const {
    const std::lock_guard lock(mutex_);
    return handed_out_.size();
  }
  // The most memory that the process has had, in MB.
  double peak_memory() const {
    std::ifstream status("/proc/" + pid_ + "/status");
    for (std::string line; std::getline(status, line);) {
      if (line.starts_with("VmHWM:")) return std::stod(line.substr(6)) / 1024;
    }
    return 0;
  }
  // Sends SIGTERM and waits for the end.
  void end() {
    process_->signal(SIGTERM);
    process_->wait();
  }
  void kill() {
    process_->signal(SIGKILL);
    process_->wait();
  }

 private:
  const Kind& kind_;
  FakePlatform platform_;
  mutable std::mutex mutex_;
  std::map<std::string, Clock::time_point> handed_out_;
  std::vector<std::string> environment_;
  Clock::time_point begin_;
  std::unique_ptr<ChildProcess> process_;
  std::string pid_;
};

struct Figures {
  std::vector<double> start, idle, speech;
  double memory = 0;
  std::map<int, double> rate;
  std::map<std::string, std::string> lost;
};

void add_jobs(FakePlatform& platform, const json& input, size_t count) {
  for (size_t i = 0; i < count; ++i) platform.add_job("job-" + std::to_string(i), input);
}

void measure_start(const Kind& kind, const std::string& folder, Figures& figures) {
  Run run(kind, 1, folder);
  run.platform().add_job("first", kind.nothing());
  if (!run.platform().wait([&] { return run.handed_out_count() > 0; })) {
    throw std::runtime_error(std::string(kind.name()) + " took no job within two minutes");
  }
  figures.start.push_back(ms_between(run.begin(), run.handed_out("first")));
  run.kill();
}

// One by one: from the moment a job is handed out until its result is there.
void measure_jobs(const Kind& kind, const std::string& folder, size_t count, bool speech,
                  Figures& figures) {
  Run run(kind, 1, folder);
  for (size_t i = 0; i <= count; ++i) {
    const std::string id = "job-" + std::to_string(i);
    run.platform().wait_for(PlatformRoute::kTake, i + 1);
    run.platform().add_job(id, speech ? kind.speech() : kind.nothing());
    run.platform().wait_for_results(i + 1);
    if (i == 0) continue;  // warm-up
    const double time = ms_between(run.handed_out(id), run.platform().results().back().at);
    (speech ? figures.speech : figures.idle).push_back(time);
  }
  figures.memory = std::max(figures.memory, run.peak_memory());
  run.kill();
}

void measure_rate(const Kind& kind, const std::string& folder, int at_once, size_t count,
                  Figures& figures) {
  Run run(kind, at_once, folder);
  run.platform().add_job("first", kind.speech());
  run.platform().wait_for_results(1);
  const auto begin = Clock::now();
  add_jobs(run.platform(), kind.speech(), count);
  run.platform().wait_for_results(count + 1);
  figures.rate[at_once] = 1e3 * static_cast<double>(count) / ms_between(begin, Clock::now());
  run.kill();
}

// What was handed out and has no result.
std::string lost(Run& run) {
  const size_t taken = run.handed_out_count();
  return std::to_string(taken - run.platform().results().size()) + " of " + std::to_string(taken);
}

void measure_losses(const Kind& kind, const std::string& folder, size_t count, Figures& figures) {
  const auto all_answered = [&](Run& run) {
    run.platform().wait_for(PlatformRoute::kDone, 1);
    run.platform().wait([&] { return run.platform().results().size() >= count; },
                        milliseconds(25'000));
  };
  {
    Run run(kind, 4, folder);
    std::atomic<int64_t> until{0};  // milliseconds of the steady clock; the first result sets it
    run.platform().on(
        PlatformRoute::kDone, [&](const PlatformRequest& request) -> std::optional<PlatformAnswer> {
          const int64_t now =
              std::chrono::duration_cast<milliseconds>(request.at.time_since_epoch()).count();
          int64_t unset = 0;
          until.compare_exchange_strong(unset, now + 10'000);
          if (now < until) return PlatformAnswer::with_status(503);
          return std::nullopt;
        });
    add_jobs(run.platform(), kind.nothing(), count);
    all_answered(run);
    figures.lost["answered with 503 for 10 s"] = lost(run);
    run.kill();
  }
  {
    Run run(kind, 4, folder);
    std::mutex mutex;
    std::mt19937 random(7);
    run.platform().on(PlatformRoute::kDone,
                      [&](const PlatformRequest&) -> std::optional<PlatformAnswer> {
                        const std::lock_guard lock(mutex);
                        if (random() % 2 == 0) return std::nullopt;
                        PlatformAnswer answer;
                        answer.reset = true;
                        return answer;
                      });
    add_jobs(run.platform(), kind.nothing(), count);
    all_answered(run);
    figures.lost["half of their connections reset"] = lost(run);
    run.kill();
  }
  {
    Run run(kind, 4, folder);
    add_jobs(run.platform(), kind.speech(), count);
    run.platform().wait_for_results(count / 4);
    run.end();
    figures.lost["SIGTERM among four jobs at once"] = lost(run);
  }
}

void record_wire(const Kind& kind, const std::string& folder) {
  Run run(kind, 1, folder);
  run.platform().add_job("job-1", kind.nothing());
  run.platform().wait_for_results(1);
  run.platform().wait_for(PlatformRoute::kPing, 1);
  run.platform().wait_for(PlatformRoute::kStop, 1, milliseconds(5'000));
  for (const PlatformRequest& request : run.platform().requests()) {
    std::printf("%s%s\n-> %d\n\n", request.head.c_str(), request.body.c_str(), request.status);
  }
  run.kill();
}

void print_row(const std::string& what, const std::vector<std::string>& cells) {
  std::printf("| %s |", what.c_str());
  for (const std::string& cell : cells) std::printf(" %s |", cell.c_str());
  std::printf("\n");
}

// One row: a cell of each worker.
template <class Cell>
void print_row(const std::string& what, const std::vector<Figures>& figures, const Cell& cell) {
  std::vector<std::string> cells;
  for (const Figures& of_one : figures) cells.push_back(cell(of_one));
  print_row(what, cells);
}

void print_head(const std::vector<Kind>& kinds) {
  std::vector<std::string> names;
  for (const Kind& kind : kinds) names.emplace_back(kind.name());
  print_row("", names);
  print_row("---", std::vector<std::string>(kinds.size(), "---"));
}

std::string number(double value, const char* format) {
  char text[64];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

std::string both(const std::vector<double>& values) {
  return number(quantile(values, 0.5), "%.1f ms") + ", " +
         number(quantile(values, 0.95), "%.1f ms");
}

void print_losses(const std::vector<Kind>& kinds, const std::string& folder, size_t jobs) {
  std::vector<Figures> figures(kinds.size());
  for (size_t k = 0; k < kinds.size(); ++k) measure_losses(kinds[k], folder, jobs, figures[k]);
  for (const auto& [what, count] : figures[0].lost) {
    print_row("results lost: " + what, figures, [&](const Figures& f) { return f.lost.at(what); });
  }
}

void run_table(std::vector<Kind>& kinds, const std::string& folder, size_t jobs) {
  std::vector<Figures> figures(kinds.size());
  for (int i = 0; i < 5; ++i) {
    for (size_t k = 0; k < kinds.size(); ++k) measure_start(kinds[k], folder, figures[k]);
  }
  for (size_t k = 0; k < kinds.size(); ++k) {
    measure_jobs(kinds[k], folder, jobs, /*speech=*/false, figures[k]);
    measure_jobs(kinds[k], folder, jobs, /*speech=*/true, figures[k]);
    // A handler that sleeps does so for as long as our engine takes.
    const double engine = quantile(figures[0].speech, 0.5) - quantile(figures[0].idle, 0.5);
    for (Kind& kind : kinds) kind.sleep_seconds = std::max(0.0, engine) / 1e3;
  }
  for (const int at_once : {1, 4, 16}) {
    for (size_t k = 0; k < kinds.size(); ++k) {
      measure_rate(kinds[k], folder, at_once, jobs, figures[k]);
    }
  }
  print_head(kinds);
  print_row("process start to first job taken, median", figures,
            [](const Figures& f) { return number(quantile(f.start, 0.5), "%.0f ms"); });
  print_row("most memory", figures, [](const Figures& f) { return number(f.memory, "%.0f MB"); });
  print_row("a job that does nothing: median, 95 %", figures,
            [](const Figures& f) { return both(f.idle); });
  print_row("a job of speech, or as long a sleep", figures,
            [](const Figures& f) { return both(f.speech); });
  for (const int at_once : {1, 4, 16}) {
    print_row(std::to_string(at_once) + " at a time, jobs a second", figures,
              [&](const Figures& f) { return number(f.rate.at(at_once), "%.1f"); });
  }
  print_losses(kinds, folder, jobs);
  std::printf("\nHandlers slept for %.1f ms.\n", 1e3 * kinds.back().sleep_seconds);
}

struct Options {
  size_t jobs = 60;
  bool losses = false;
  std::string wire;  // of which worker, or empty
};

void run(const Options& options) {
  const auto python = client_python();
  if (!python) throw std::runtime_error(kNoClientPython);
  TempDir root;
  const std::string folder = root.path().string(), model = folder + "/model";
  HttpPeer bucket([](const PeerRequest&) { return PeerReply{}; });
  run_program({program_path(), "make-model", model});
  std::vector<Kind> kinds;
  for (const Worker worker : {Worker::kProgram, Worker::kSleeping, Worker::kSdk}) {
    kinds.push_back({worker, model, *python, bucket.url(), 0});
  }
  if (!options.wire.empty()) {
    return record_wire(options.wire == "ours" ? kinds.front() : kinds.back(), folder);
  }
  if (!options.losses) return run_table(kinds, folder, options.jobs);
  for (Kind& kind : kinds) kind.sleep_seconds = 0.1;
  print_head(kinds);
  print_losses(kinds, folder, options.jobs);
}

}  // namespace
}  // namespace echo

int main(int argc, char** argv) {
  CLI::App app(
      "Measures a queue worker and one of the platform's own Python SDK side by side, as in the "
      "table of docs/performance.md.",
      "echo_sdk_bench");
  echo::Options options;
  app.add_option("jobs", options.jobs, "Measure so many jobs of each kind")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  app.add_flag("--losses", options.losses, "Measure only how many results are lost to faults");
  app.add_option("--wire", options.wire,
                 "Print what this worker sends for one job, and what it gets, and measure nothing")
      ->check(CLI::IsMember({"ours", "theirs"}));
  return echo::bench::run_tool(app, argc, argv, [&] { echo::run(options); });
}
