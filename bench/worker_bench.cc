// What the worker adds to a job's own time, and how soon a new process takes its first one. A tiny
// model behind the real service, platform and bucket on the loopback address.
#include <signal.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "audio/encode.h"
#include "bench/tool.h"
#include "engine/engine_fixture.h"
#include "net/curl_http_client.h"
#include "net/forwarding_store.h"
#include "net/s3_store.h"
#include "runpod/worker.h"
#include "speech/job_handler.h"
#include "support/child_process.h"
#include "support/fake_platform.h"
#include "support/fake_speech.h"
#include "support/http_peer.h"
#include "support/temp_dir.h"

namespace echo {
namespace {

using Clock = std::chrono::steady_clock;
using Time = Clock::time_point;
using nlohmann::json;

double milliseconds(Time from, Time to) {
  return std::chrono::duration<double, std::milli>(to - from).count();
}

double quantile(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  return values.at(
      std::min(values.size() - 1, static_cast<size_t>(share * static_cast<double>(values.size()))));
}

void print_line(const char* what, const std::vector<double>& values) {
  std::printf("%-58s %8.2f ms %8.2f ms\n", what, quantile(values, 0.5), quantile(values, 0.95));
}

// The moments of a job.
struct Moments {
  Time sent;      // the platform began to send it
  Time uploaded;  // the encoded bytes were handed to the store
  Time stored;    // it had them
  Time posted;    // the platform had the whole result
  double engine_ms = 0;
  double encode_ms = 0;
};

class Recorder {
 public:
  void change(const std::string& id, const std::function<void(Moments&)>& change) {
    const std::lock_guard lock(mutex_);
    change(jobs_[id]);
  }
  std::map<std::string, Moments> take() {
    const std::lock_guard lock(mutex_);
    return std::move(jobs_);
  }

 private:
  std::mutex mutex_;
  std::map<std::string, Moments> jobs_;
};

// A bucket that tells when objects came; their names are the jobs' ids.
class TimedStore final : public ForwardingStore {
 public:
  TimedStore(S3Store& store, Recorder& recorder) : ForwardingStore(store), recorder_(recorder) {}

  void put(const std::string& name, std::string_view data, const std::string& content_type,
           std::stop_token stop) override {
    const Time begin = Clock::now();
    ForwardingStore::put(name, data, content_type, stop);
    const Time end = Clock::now();
    recorder_.change(name.substr(0, name.find('.')), [&](Moments& job) {
      job.uploaded = begin;
      job.stored = end;
    });
  }

 private:
  Recorder& recorder_;
};

runpod::WorkerOptions worker_options(const FakePlatform& platform) {
  const auto variables = platform.environment();
  runpod::WorkerOptions options = runpod::worker_options_from(
      [&](const std::string& name) -> std::optional<std::string> {
        const auto found = variables.find(name);
        if (found == variables.end()) return std::nullopt;
        return found->second;
      },
      nullptr);
  return options;
}

// One job after the other, so that nothing waits for the engine.
std::map<std::string, Moments> run_jobs(size_t count) {
  FakePlatform platform;
  HttpPeer bucket([](const PeerRequest&) { return PeerReply{}; });
  const std::unique_ptr<HttpClient> http = make_http_client();
  TempDir root;
  std::filesystem::create_directories(root / "voices");
  std::ofstream(root / "voices" / "anna.wav", std::ios::binary)
      << encode_audio(FakeSpeech::tone(4 * kModelRate), {.format = AudioFormat::kWav});

  Recorder recorder;
  const std::unique_ptr<Engine> engine = Engine::load(tiny_options());
  S3Options s3;
  s3.endpoint_url = bucket.url();
  s3.access_key_id = "key";
  s3.secret_access_key = "secret";
  s3.bucket = "tts";
  S3Store bucket_store(s3, *http);
  TimedStore store(bucket_store, recorder);
  Logger logger({}, std::make_shared<KeptLog>());
  const VoiceDirectory directory((root / "voices").string());
  VoiceLibrary voices(directory);
  OutputDirectory output({.path = (root / "output").string()});
  SpeechServiceOptions options;
  options.model = "tiny";
  options.finished = [&](const JobReport& report) {
    recorder.change(report.job_id, [&](Moments& job) {
      job.engine_ms = 1e3 * report.timings.total;
      job.encode_ms = 1e3 * report.encode_seconds;
    });
  };
  std::string current;  // jobs come one at a time, on one thread
  SpeechService service(options, {[&](SpeechRequest request, SpeechCallbacks callbacks) {
                                    return engine->start(std::move(request), std::move(callbacks));
                                  },
                                  voices,
                                  &store,
                                  {},
                                  output,
                                  logger});
  const Handler speak = make_speech_handler(service);

  runpod::Worker worker(worker_options(platform), *http, logger);
  std::thread thread([&] {
    runpod::WorkerSetup setup;
    setup.load = [&]() -> Handler {
      return [&](const Job& job, JobContext& context) {
        current = job.id();
        return speak(job, context);
      };
    };
    worker.run(setup);
  });
  for (size_t i = 0; i < count; ++i) {
    const std::string id = "job-" + std::to_string(i);
    // The poll is there before the job is, as on an idle endpoint.
    platform.wait_for(PlatformRoute::kTake, i + 1);
    platform.add_job(id, {{"text", "Hello there, this is a short test."},
                          {"speaker_voice", "anna.wav"},
                          {"session_id", id},
                          // One take, as published: of noise no further take is better.
                          {"parameters",
                           {{"num_steps", 3}, {"sequence_length", 6}, {"profile", "published"}}}});
    platform.wait_for_results(i + 1);
  }
  worker.request_shutdown();
  thread.join();

  const std::vector<PlatformRequest> takes = platform.requests(PlatformRoute::kTake);
  for (size_t i = 0; i < count; ++i) {
    recorder.change("job-" + std::to_string(i),
                    [&](Moments& job) { job.sent = takes.at(i).ended; });
  }
  for (const PlatformRequest& result : platform.results()) {
    recorder.change(result.job_id(), [&](Moments& job) { job.posted = result.at; });
  }
  return recorder.take();
}

void measure_overhead(size_t count) {
  run_jobs(count / 10 + 1);  // warm-up
  std::vector<double> in, out, upload, engine;
  for (const auto& [id, job] : run_jobs(count)) {
    in.push_back(milliseconds(job.sent, job.uploaded) - job.engine_ms - job.encode_ms);
    out.push_back(milliseconds(job.uploaded, job.posted));
    upload.push_back(milliseconds(job.uploaded, job.stored));
    engine.push_back(job.engine_ms + job.encode_ms);
  }
  std::printf("%zu jobs one by one, tiny model, a known voice\n", count);
  std::printf("%-58s %11s %11s\n", "", "median", "95 %");
  print_line("job sent -> audio handed over, without engine and encoder", in);
  print_line("encoded bytes -> result posted, upload and link included", out);
  print_line("  of which the upload", upload);
  print_line("for comparison: engine and encoder", engine);
}

// Of all children that have ended.
double children_cpu_ms() {
  rusage usage{};
  ::getrusage(RUSAGE_CHILDREN, &usage);
  const auto milliseconds_of = [](const timeval& time) {
    return 1e3 * static_cast<double>(time.tv_sec) + 1e-3 * static_cast<double>(time.tv_usec);
  };
  return milliseconds_of(usage.ru_utime) + milliseconds_of(usage.ru_stime);
}

void measure_start(const std::string& program, size_t count) {
  TempDir root;
  const std::string model = (root / "model").string();
  run_program({program, "make-model", model});
  std::vector<double> first_take, cpu;
  for (size_t i = 0; i < count; ++i) {
    FakePlatform platform;
    std::vector<std::string> environment = {"S3_ENDPOINT_URL=http://127.0.0.1:9",
                                            "S3_ACCESS_KEY_ID=key",
                                            "S3_SECRET_ACCESS_KEY=secret",
                                            "S3_BUCKET_NAME=tts",
                                            "AUDIO_VOICES_DIR=" + (root / "voices").string(),
                                            "OUTPUT_AUDIO_DIR=" + (root / "output").string()};
    for (const auto& [name, value] : platform.environment()) {
      environment.push_back(name + "=" + value);
    }
    platform.add_job("first", {{"action", "health_check"}});
    const double cpu_before = children_cpu_ms();
    const Time begin = Clock::now();
    ChildProcess worker({program, "worker", "--model", model}, environment);
    const auto taken = [&] {
      const auto takes = platform.requests(PlatformRoute::kTake);
      return !takes.empty() && takes[0].ended != Time{};
    };
    if (!platform.wait(taken, std::chrono::minutes(1))) {
      throw std::runtime_error("the worker took no job within a minute");
    }
    first_take.push_back(milliseconds(begin, platform.requests(PlatformRoute::kTake).at(0).ended));
    worker.signal(SIGKILL);
    worker.wait();
    cpu.push_back(children_cpu_ms() - cpu_before);
  }
  std::printf("%zu starts of a queue worker, tiny model\n", count);
  print_line("process start -> first job taken", first_take);
  print_line("  processor time of all threads until then", cpu);
}

}  // namespace
}  // namespace echo

int main(int argc, char** argv) {
  CLI::App app(
      "Measures what a worker adds to a job's own time, and how soon a new process takes its first "
      "job.",
      "echo_worker_bench");
  size_t jobs = 300;
  app.add_option("jobs", jobs, "Measure so many jobs, and at most 20 starts")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  return echo::bench::run_tool(app, argc, argv, [&] {
    echo::measure_overhead(jobs);
    echo::measure_start(ECHO_TTS_PROGRAM, std::min<size_t>(20, jobs));
  });
}
