#include "engine/speech_stream.h"

#include <utility>

#include "engine/speech_pipe.h"

namespace echo {

SpeechStream::SpeechStream(std::shared_ptr<SpeechPipe> pipe) : pipe_(std::move(pipe)) {}

SpeechStream::~SpeechStream() {
  if (pipe_ && !pipe_->ended()) pipe_->cancel();
}

SpeechStream::SpeechStream(SpeechStream&&) noexcept = default;

SpeechStream& SpeechStream::operator=(SpeechStream&& other) noexcept {
  if (this == &other) return *this;
  if (pipe_ && !pipe_->ended()) pipe_->cancel();
  pipe_ = std::move(other.pipe_);
  return *this;
}

std::optional<std::vector<float>> SpeechStream::next(std::stop_token stop) {
  return pipe_->next(std::move(stop));
}

bool SpeechStream::wait_for(std::chrono::milliseconds duration) const {
  return pipe_->wait_for(duration);
}

SpeechProgress SpeechStream::progress() const { return pipe_->progress(); }

void SpeechStream::cancel() { pipe_->cancel(); }

std::stop_token SpeechStream::cancelled() const { return pipe_->cancelled(); }

SpeechSummary SpeechStream::finish(std::stop_token stop) { return pipe_->finish(std::move(stop)); }

SpeechResult SpeechStream::collect(std::stop_token stop) {
  SpeechResult result;
  while (auto samples = pipe_->next(stop)) {
    if (result.samples.empty()) {
      result.samples = std::move(*samples);
    } else {
      result.samples.insert(result.samples.end(), samples->begin(), samples->end());
    }
  }
  static_cast<SpeechSummary&>(result) = pipe_->finish(std::move(stop));
  return result;
}

}  // namespace echo
