#include "server/openai_answer.h"

#include <algorithm>
#include <utility>

#include "http/server_sent_events.h"
#include "server/openai_events.h"

namespace echo::server {

OpenAiAnswer::OpenAiAnswer(ReadySpeech speech, http::Call call, const OpenAiAnswerOptions& options,
                           http::ByteBudget& budget, Metrics* metrics)
    : speech_(std::move(speech)), call_(std::move(call)), options_(options), metrics_(metrics) {
  const std::function<void()> leave = [this] { gone_.request_stop(); };
  request_gone_ = std::make_unique<Forward>(call_.request.lost, leave);
  if (!streamed()) return;
  stream_ = std::make_shared<http::ByteStream>(options_.answer_bytes, budget);
  stream_gone_ = std::make_unique<Forward>(stream_->gone(), leave);
}

void OpenAiAnswer::begin() {
  if (!stream_) return;
  stream_->on_first_sent([weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self) return;
    const auto now = std::chrono::steady_clock::now();
    self->first_sent_ = std::chrono::duration<double>(now - self->accepted_).count();
  });
  http::Response response;
  response.headers = speech_headers(speech_);
  response.producer = stream_->reader();
  response.stall_timeout = options_.stall_timeout;
  if (speech_.order.events) {
    response.headers[0].value = std::string(http::kEventStreamType);
    response.idle_text = std::string(http::kKeepAliveComment);
    response.idle_interval = options_.keep_alive;
  } else {
    response.head_after = options_.head_after;
  }
  call_.reply.send(std::move(response));
}

void OpenAiAnswer::run(LiveSpeech& speech, const std::stop_token& stop, double queue_seconds) {
  std::stop_source ended;
  const auto end = [&ended] { ended.request_stop(); };
  const std::stop_callback on_gone(gone_.get_token(), end);
  const std::stop_callback on_stop(stop, end);
  LiveListener listener;
  listener.sink = [&](std::string_view bytes) { return take(bytes, ended.get_token()); };
  listener.opening = [this](const SpeechOpening& opening) { open(opening); };
  limit_ = std::chrono::steady_clock::now() + options_.time_limit;
  std::atomic<bool> timed_out{false};
  listener.step = [&] {
    if (late()) {
      timed_out = true;
      ended.request_stop();
    }
  };
  listener.stop = ended.get_token();
  listener.queue_seconds = queue_seconds;
  listener.scope = {call_.request.id, ""};
  listener.first_sent = [this]() -> std::optional<double> {
    const double seconds = first_sent_;
    if (seconds < 0) return std::nullopt;
    return seconds;
  };
  try {
    const SpeechSummary spoken = speech.speak(speech_.input, speech_.audio, "openai", listener);
    count("completed");
    finish(spoken);
  } catch (...) {
    const bool left = gone_.stop_requested();
    const bool late = timed_out && !left;
    if (metrics_ != nullptr && (left || late)) metrics_->cancelled(left ? "disconnect" : "timeout");
    count(left ? "cancelled" : late ? "timed_out" : "failed");
    fail(late ? speech_timed_out(options_.time_limit)
              : openai_error_of(std::current_exception()));
  }
}

bool OpenAiAnswer::late() const {
  return !(streamed() && opened_) && std::chrono::steady_clock::now() >= limit_;
}

void OpenAiAnswer::count(const std::string& status) const {
  if (metrics_ == nullptr) return;
  const auto time = std::chrono::steady_clock::now() - accepted_;
  metrics_->request_finished("openai", std::string(format_name(speech_.order.output.format)),
                             status, std::chrono::duration<double>(time).count());
}

void OpenAiAnswer::answer_silence() {
  take(silence_file(speech_), gone());
  finish({});
}

void OpenAiAnswer::refuse(const OpenAiError& error) { fail(error); }

bool OpenAiAnswer::take(std::string_view bytes, const std::stop_token& stop) {
  if (speech_.order.events) return take_events(bytes, stop);
  if (stream_) return stream_->write(std::string(bytes), stop);
  file_ += bytes;
  return true;
}

bool OpenAiAnswer::take_events(std::string_view bytes, const std::stop_token& stop) {
  while (!bytes.empty()) {
    const std::string_view piece = bytes.substr(0, options_.event_bytes);
    if (!stream_->write(delta_event(piece), stop)) return false;
    bytes.remove_prefix(piece.size());
  }
  return true;
}

void OpenAiAnswer::open(const SpeechOpening& opening) {
  opened_ = true;
  opening_ = {{"Server-Timing", server_timing(opening)}};
  if (!opening.blocks.empty()) opening_.push_back({"X-Echo-Blocks", block_list(opening.blocks)});
  if (stream_) stream_->set_headers(opening_);
}

void OpenAiAnswer::finish(const SpeechSummary& spoken) {
  if (!stream_) {
    http::Response response;
    response.headers = speech_headers(speech_);
    response.headers.insert(response.headers.end(), opening_.begin(), opening_.end());
    response.body = std::move(file_);
    return call_.reply.send(std::move(response));
  }
  if (speech_.order.events) {
    stream_->write(done_event(speech_.input_tokens, output_tokens(spoken)));
  }
  stream_->finish();
}

void OpenAiAnswer::fail(const OpenAiError& error) {
  if (!stream_) return call_.reply.send(error.response());
  if (!speech_.order.events) return stream_->fail(error.response());
  stream_->write(error_event(error));
  stream_->finish();
}

}  // namespace echo::server
