// How a server stands several listeners at once: a real one with a tiny model, and so many clients
// of OpenAI's route that each ask again when they have heard all. Before that, how long sound is on
// its way from an engine to a client in each format, when nothing else is done.
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "base/descriptor.h"
#include "base/error.h"
#include "bench/delivery.h"
#include "bench/speech_listener.h"
#include "bench/tool.h"
#include "net/curl_http_client.h"
#include "support/child_process.h"
#include "support/temp_dir.h"

namespace echo {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr int kRate = 44100;
constexpr double kLead = 0.06;  // seconds from the first bytes to their sound, as players have it
constexpr const char* kBody =
    R"({"response_format": "pcm", "input": "A listener hears the first words while the last ones are )"
    R"(still being made."})";  // half a minute of a tiny model's noise

double seconds_since(SteadyClock::time_point begin) {
  return std::chrono::duration<double>(SteadyClock::now() - begin).count();
}

struct Figures {
  std::vector<double> first;  // seconds from asking to the first bytes of sound
  std::vector<double> way;    // of that, after the server had them, with the request's own way
  std::vector<double> gaps;   // between pieces
  double audio = 0;           // seconds
  int requests = 0, failures = 0;
  int interrupted = 0;  // of those that were played from the first bytes on

  void add(const Figures& other) {
    first.insert(first.end(), other.first.begin(), other.first.end());
    way.insert(way.end(), other.way.begin(), other.way.end());
    gaps.insert(gaps.end(), other.gaps.begin(), other.gaps.end());
    audio += other.audio;
    requests += other.requests;
    failures += other.failures;
    interrupted += other.interrupted;
  }
};

// One request, heard to its end.
void listen(int port, Figures& figures) {
  double first = 0, last = 0, audio = 0, lag = 0;
  const double ready = hear_speech(port, kBody, [&](double now, size_t bytes) {
    if (audio == 0) {
      first = now;
      figures.first.push_back(now);
    } else {
      figures.gaps.push_back(now - last);
      lag = std::max(lag, now - first - kLead - audio);
    }
    last = now;
    audio += static_cast<double>(bytes) / 2 / kRate;
  });
  figures.way.push_back(first - ready);
  figures.audio += audio;
  figures.interrupted += lag > 0;
}

Figures load(int port, int listeners, int requests) {
  Figures all;
  std::mutex mutex;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < listeners; ++i) {
      threads.emplace_back([&] {
        Figures own;
        for (int request = 0; request < requests; ++request) {
          ++own.requests;
          try {
            listen(port, own);
          } catch (const std::exception&) {
            ++own.failures;
          }
        }
        const std::scoped_lock lock(mutex);
        all.add(own);
      });
    }
  }
  return all;
}

int free_port() {
  const Descriptor probe(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(probe.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::getsockname(probe.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    throw std::runtime_error("there is no free port");
  }
  return ntohs(address.sin_port);
}

void wait_until_ready(int port) {
  const auto http = make_http_client();
  for (int i = 0; i < 1200; ++i) {
    try {
      HttpRequest request;
      request.url = "http://127.0.0.1:" + std::to_string(port) + "/ready";
      if (http->perform(request).status == 200) return;
    } catch (const Error&) {
      // It does not listen yet.
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  throw std::runtime_error("the server is not ready");
}

void print_delivery(int requests) {
  std::printf(
      "| format | first piece, median | 95 %% | later pieces, median | 95 %% |\n"
      "| --- | --- | --- | --- | --- |\n");
  for (const Delivery& delivery : measure_delivery(requests)) {
    std::printf("| %s | %.1f ms | %.1f ms | %.1f ms | %.1f ms |\n", delivery.format.c_str(),
                1000 * quantile(delivery.first, 0.5), 1000 * quantile(delivery.first, 0.95),
                1000 * quantile(delivery.later, 0.5), 1000 * quantile(delivery.later, 0.95));
  }
  std::printf("\n");
  std::fflush(stdout);
}

void run(const std::string& given, int requests) {
  print_delivery(5 * requests);
  const TempDir folder;
  const std::string model = given.empty() ? (folder / "model").string() : given;
  if (given.empty()) run_program({ECHO_TTS_PROGRAM, "make-model", model});
  const int port = free_port();
  // A random model speaks noise: a judge would have every chunk spoken anew.
  const ChildProcess server(
      {ECHO_TTS_PROGRAM, "worker", "--rp_serve_api", "--rp_api_port", std::to_string(port),
       "--model", model, "--storage", (folder / "results").string()},
      {"ECHO_PROFILE=published", "OMP_WAIT_POLICY=passive"});
  wait_until_ready(port);
  load(port, 1, 1);  // what is done once
  std::printf(
      "| listeners | first audio, median | 95 %% | of that on the way, median | 95 %% | between "
      "pieces, 95 %% | speech in a second | interrupted | failures |\n"
      "| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n");
  for (const int listeners : {1, 2, 4, 8, 16, 40}) {
    const SteadyClock::time_point begin = SteadyClock::now();
    const Figures figures = load(port, listeners, requests);
    std::printf(
        "| %d | %.0f ms | %.0f ms | %.1f ms | %.1f ms | %.0f ms | %.1f s | %d of %d | %d |\n",
        listeners, 1000 * quantile(figures.first, 0.5), 1000 * quantile(figures.first, 0.95),
        1000 * quantile(figures.way, 0.5), 1000 * quantile(figures.way, 0.95),
        1000 * quantile(figures.gaps, 0.95), figures.audio / seconds_since(begin),
        figures.interrupted, figures.requests, figures.failures);
    std::fflush(stdout);
  }
}

}  // namespace
}  // namespace echo

int main(int argc, char** argv) {
  CLI::App app("Measures how a server stands 1 to 40 listeners at once.", "echo_load_bench");
  std::string model;
  int requests = 2;
  app.add_option("model", model, "Model to serve, as --model takes it; without it a tiny one");
  app.add_option("requests", requests, "Let each listener ask so many times")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  return echo::bench::run_tool(app, argc, argv, [&] { echo::run(model, requests); });
}
