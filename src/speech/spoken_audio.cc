#include "speech/spoken_audio.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "audio/silence.h"
#include "audio/time_stretch.h"
#include "engine/speech_failure.h"
#include "speech/job_failure.h"

namespace echo {
namespace {

using SteadyClock = std::chrono::steady_clock;

double seconds_since(SteadyClock::time_point begin) {
  return std::chrono::duration<double>(SteadyClock::now() - begin).count();
}

AudioEncoder encoder_for(const SpokenAudioOptions& options) {
  if (options.file >= 0) return AudioEncoder(options.encoding, options.file, kModelRate);
  return AudioEncoder(options.encoding, options.mode, kModelRate);
}

// The encoder between the stream and the sink, with what is told about both.
class Encoding {
 public:
  Encoding(const SpokenAudioOptions& options, const ByteSink& sink)
      : sink_(sink),
        pushed_seconds_(options.pushed),
        stretch_(options.speed, kModelRate),
        encoder_(encoder_for(options)) {}

  // False when the sink wants no more.
  bool push(std::span<const float> samples) {
    const size_t bad = find_non_finite(samples);
    if (bad < samples.size()) {
      // Parameters at the ends of their ranges may do this to a device in perfect health.
      throw JobError(
          job_kind::kAudioRejected, ErrorCode::kUnavailable,
          "sample " + std::to_string(pushed_ + bad) + " of the audio is not a finite number");
    }
    const double now = seconds_since(begin_);
    if (pushed_ == 0) summary_.first_audio_seconds = now;
    pushed_ += samples.size();
    const double played = now - *summary_.first_audio_seconds;
    summary_.underrun_seconds = std::max(summary_.underrun_seconds, played - given_seconds());
    encode([&](std::vector<float>& out) { stretch_.push(samples, out); });
    return send();
  }

  bool finish() {
    if (pushed_ == 0) {
      throw JobError(job_kind::kNoSpeech, ErrorCode::kUnavailable, "the audio has no samples");
    }
    encode([&](std::vector<float>& out) { stretch_.finish(out); });
    const SteadyClock::time_point begin = SteadyClock::now();
    encoder_.finish();
    summary_.encode_seconds += seconds_since(begin);
    summary_.bytes += encoder_.file_bytes();
    return send();
  }

  bool has_sound() const { return pushed_ > 0; }
  SpokenAudioSummary& summary() { return summary_; }

 private:
  double given_seconds() const { return static_cast<double>(given_) / kModelRate; }

  void encode(const std::function<void(std::vector<float>&)>& stretch) {
    const SteadyClock::time_point begin = SteadyClock::now();
    std::vector<float> samples;
    stretch(samples);
    given_ += samples.size();
    encoder_.push(samples);
    summary_.encode_seconds += seconds_since(begin);
    if (pushed_seconds_) pushed_seconds_(given_seconds());
  }

  bool send() {
    const std::string bytes = encoder_.take_bytes();
    if (bytes.empty()) return true;
    if (!sink_(bytes)) return false;
    if (summary_.bytes == 0) summary_.first_bytes_seconds = seconds_since(begin_);
    summary_.bytes += bytes.size();
    return true;
  }

  const ByteSink& sink_;
  const std::function<void(double)>& pushed_seconds_;
  TimeStretch stretch_;
  AudioEncoder encoder_;
  const SteadyClock::time_point begin_ = SteadyClock::now();
  size_t pushed_ = 0;  // samples of the stream
  size_t given_ = 0;   // samples after the change of speed
  SpokenAudioSummary summary_;
};

}  // namespace

SpokenAudioSummary encode_speech(SpeechStream& stream, const SpokenAudioOptions& options,
                                 const ByteSink& sink, std::stop_token stop) {
  Encoding encoding(options, sink);
  bool wanted = true;
  try {
    while (wanted) {
      const auto samples = stream.next(stop);
      if (!samples) break;
      wanted = encoding.push(*samples);
    }
    // What had been made and was not read is gone with a cancellation, too.
    if (stop.stop_requested() || stream.cancelled().stop_requested()) {
      throw Error(ErrorCode::kCancelled, "the request was cancelled");
    }
    if (wanted) {
      encoding.summary().speech = stream.finish(stop);
      wanted = encoding.finish();
    }
  } catch (const Error& error) {
    const bool close = options.close_when_cancelled && error.code() == ErrorCode::kCancelled;
    if (close && encoding.has_sound()) encoding.finish();
    throw;
  }
  if (!wanted) {
    stream.cancel();
    throw Error(ErrorCode::kCancelled, "nobody listens any more");
  }
  return encoding.summary();
}

SpokenAudio::SpokenAudio(SpeechStream stream, SpokenAudioOptions options)
    : stream_(std::move(stream)), options_(std::move(options)), thread_([this] { run(); }) {}

SpokenAudio::~SpokenAudio() { cancel(); }

void SpokenAudio::run() {
  std::optional<SpeechFailure> failure;
  SpokenAudioSummary summary;
  try {
    summary =
        encode_speech(stream_, options_, [this](std::string_view bytes) { return put(bytes); });
  } catch (...) {
    failure = current_failure();
  }
  if (failure) stream_.cancel();
  {
    const std::scoped_lock lock(mutex_);
    failure_ = std::move(failure);
    summary_ = std::move(summary);
    ended_ = true;
  }
  notify();
}

bool SpokenAudio::put(std::string_view bytes) {
  {
    std::unique_lock lock(mutex_);
    changed_.wait(
        lock, [this] { return unread_bytes_ <= options_.unread_bytes || unbounded_ || dropping_; });
    if (dropping_) return !stream_.cancelled().stop_requested();
    unread_.emplace_back(bytes);
    unread_bytes_ += bytes.size();
  }
  notify();
  return true;
}

void SpokenAudio::notify() {
  changed_.notify_all();
  std::function<void()> ready;
  {
    const std::scoped_lock lock(mutex_);
    ready = when_ready_;
  }
  if (ready) ready();
}

void SpokenAudio::when_ready(std::function<void()> ready) {
  {
    const std::scoped_lock lock(mutex_);
    when_ready_ = ready;
    if (!this->ready()) return;
  }
  if (ready) ready();
}

std::optional<std::string> SpokenAudio::next(std::stop_token stop) {
  const std::stop_callback forward(stop, [this] { cancel(); });
  std::optional<std::string> bytes;
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return ready(); });
    if (unread_.empty()) {
      if (failure_) failure_->rethrow();
      return std::nullopt;
    }
    bytes = std::move(unread_.front());
    unread_.pop_front();
    unread_bytes_ -= bytes->size();
  }
  changed_.notify_all();
  return bytes;
}

bool SpokenAudio::wait_for(std::chrono::milliseconds duration) const {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, duration, [this] { return ready(); });
}

void SpokenAudio::cancel() {
  stream_.cancel();
  {
    const std::scoped_lock lock(mutex_);
    unbounded_ = true;
    // What closes a cancelled file is still wanted.
    dropping_ = dropping_ || !options_.close_when_cancelled;
    if (dropping_) unread_.clear();
  }
  changed_.notify_all();
}

SpokenAudioSummary SpokenAudio::finish() {
  {
    const std::scoped_lock lock(mutex_);
    dropping_ = true;
    unread_.clear();
  }
  changed_.notify_all();
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return ended_; });
  if (failure_) failure_->rethrow();
  return summary_;
}

}  // namespace echo
