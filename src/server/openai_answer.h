// One request for speech on its way out, over HTTP: as bytes, as events, or as a whole file, which
// lies on the disk until it is sent.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "http/byte_stream.h"
#include "http/router.h"
#include "metrics/metrics.h"
#include "server/openai_speech.h"

namespace echo::server {

struct OpenAiAnswerOptions {
  // A streamed answer's head goes out after this time even when nothing is spoken yet: proxies and
  // clients give up on answers without one after 60 to 300 s.
  std::chrono::milliseconds head_after{20'000};
  std::chrono::milliseconds keep_alive{15'000};      // between events, at most
  std::chrono::milliseconds stall_timeout{120'000};  // in which a client takes not one byte
  size_t answer_bytes = size_t{16} << 20;            // that wait for a slow client
  size_t event_bytes = 48 << 10;                     // of audio in one event, before base64
  // In which a whole file must be made, or the first bytes of a streamed one; what is heard goes on
  // for as long as somebody listens.
  std::chrono::milliseconds time_limit{600'000};
};

// Made once everything has been checked, then run once on a thread of the work queue, or abandoned.
class OpenAiAnswer : public std::enable_shared_from_this<OpenAiAnswer> {
 public:
  // `budget` and `metrics`, which may be null, must outlive it.
  OpenAiAnswer(ReadySpeech speech, http::Call call, const OpenAiAnswerOptions& options,
               http::ByteBudget& budget, Metrics* metrics);

  // Starts the answer: from now on failures before the first byte are statuses still, except for
  // events, whose head goes out at once.
  void begin();

  // Speaks. Never throws.
  void run(LiveSpeech& speech, const std::stop_token& stop, double queue_seconds);
  // The answer to a text without words, instead of run().
  void answer_silence();
  // It will not be run.
  void refuse(const OpenAiError& error);

  bool silent() const { return speech_.silent; }
  // Requested when the client has gone away.
  std::stop_token gone() const { return gone_.get_token(); }

 private:
  using Forward = std::stop_callback<std::function<void()>>;

  void speak(LiveSpeech& speech, const LiveListener& listener);
  bool take(std::string_view bytes, const std::stop_token& stop);
  bool take_events(std::string_view bytes, const std::stop_token& stop);
  void open(const SpeechOpening& opening);
  void finish(const SpeechSummary& spoken);
  http::Response file_response(int descriptor) const;
  void fail(const OpenAiError& error);
  void count(const std::string& status) const;
  // Whether the time is up.
  bool late() const;
  bool streamed() const { return speech_.order.streamed || speech_.order.events; }

  const ReadySpeech speech_;
  const http::Call call_;
  const OpenAiAnswerOptions options_;
  Metrics* const metrics_;
  const std::chrono::steady_clock::time_point accepted_ = std::chrono::steady_clock::now();
  std::shared_ptr<http::ByteStream> stream_;  // null: a whole file
  std::vector<HttpHeader> opening_;
  std::stop_source gone_;
  std::chrono::steady_clock::time_point limit_;  // of run()
  std::atomic<bool> opened_{false};              // there are bytes
  std::unique_ptr<Forward> request_gone_, stream_gone_;
  std::atomic<double> first_sent_{-1};  // seconds since it was accepted
};

}  // namespace echo::server
