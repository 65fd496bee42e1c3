#include "engine/engine.h"

#include <algorithm>
#include <condition_variable>
#include <vector>

#include "base/error.h"
#include "engine/engine_core.h"
#include "engine/scheduler.h"
#include "engine/speech_pipe.h"
#include "engine/speech_task.h"

namespace echo {

// Rung by whoever has something for a thread that may be waiting; a ring before the wait counts.
class Bell {
 public:
  void ring() {
    {
      const std::scoped_lock lock(mutex_);
      rung_ = true;
    }
    changed_.notify_one();
  }
  void wait(std::stop_token stop) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, std::move(stop), [this] { return rung_; });
    rung_ = false;
  }

 private:
  std::mutex mutex_;
  std::condition_variable_any changed_;
  bool rung_ = false;
};

std::unique_ptr<Engine> Engine::load(const EngineOptions& options) {
  if (options.queue_capacity == 0) throw_invalid("queue_capacity: found 0, expected at least 1");
  if (options.max_text_chars < 1) throw_invalid("max_text_chars: expected at least 1");
  if (options.speaker_chunk_frames < 1) {
    throw_invalid("speaker_chunk_frames: expected at least 1");
  }
  return std::unique_ptr<Engine>(new Engine(options, std::make_unique<EngineCore>(options)));
}

Engine::Engine(const EngineOptions& options, std::unique_ptr<EngineCore> core)
    : options_(options),
      core_(std::move(core)),
      info_(core_->info()),
      bell_(std::make_shared<Bell>()) {
  constexpr size_t kMinRequests = 4;
  info_.max_requests = options.max_requests > 0
                           ? options.max_requests
                           : std::max(kMinRequests, static_cast<size_t>(info_.batch_width));
  thread_ = std::jthread([this](std::stop_token stop) { run(std::move(stop)); });
}

Engine::~Engine() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  thread_.request_stop();
  thread_.join();
}

SpeechStream Engine::start(SpeechRequest request, SpeechCallbacks callbacks) {
  const auto unread = static_cast<size_t>(std::max(0.0, request.unread_seconds) * kModelRate);
  auto pipe =
      std::make_shared<SpeechPipe>(std::move(callbacks), unread, [bell = bell_] { bell->ring(); });
  SpeechTask task{core_->prepare(std::move(request)), pipe};
  {
    const std::scoped_lock lock(mutex_);
    if (stopping_) throw_unavailable("the engine is shutting down");
    if (queue_.size() >= options_.queue_capacity) {
      std::erase_if(queue_, [](const SpeechTask& waiting) { return !waiting.pipe->waiting(); });
    }
    if (queue_.size() >= options_.queue_capacity) {
      throw_unavailable("the queue is full: " + std::to_string(queue_.size()) +
                        " requests are waiting");
    }
    queue_.push_back(std::move(task));
  }
  bell_->ring();
  return SpeechStream(std::move(pipe));
}

SpeechResult Engine::speak(SpeechRequest request, SpeechCallbacks callbacks, std::stop_token stop) {
  return start(std::move(request), std::move(callbacks)).collect(std::move(stop));
}

void Engine::forget_voice(const std::string& key) { core_->forget_voice(key); }

EngineStatus Engine::status() const {
  const VoiceCache::Statistics voices = core_->voices();
  const std::scoped_lock lock(mutex_);
  EngineStatus status;
  status.waiting = static_cast<size_t>(std::count_if(
      queue_.begin(), queue_.end(), [](const SpeechTask& task) { return task.pipe->waiting(); }));
  status.running = running_;
  status.trajectories = trajectories_;
  status.voices = voices.voices;
  status.voice_bytes = voices.bytes;
  status.memory = core_->models().backend.memory();
  return status;
}

void Engine::run(std::stop_token stop) {
  Scheduler scheduler(core_->models(), core_->modulations(), stop);
  while (!stop.stop_requested()) {
    std::vector<SpeechTask> arrived;
    {
      const std::scoped_lock lock(mutex_);
      running_ = scheduler.jobs();
      trajectories_ = scheduler.trajectories();
      while (!queue_.empty() && running_ + arrived.size() < info_.max_requests) {
        arrived.push_back(std::move(queue_.front()));
        queue_.pop_front();
      }
    }
    const bool none_arrived = arrived.empty();
    for (SpeechTask& task : arrived) scheduler.add(std::move(task));
    try {
      if (!scheduler.pass() && none_arrived) bell_->wait(stop);
    } catch (...) {
      scheduler.fail_all();
    }
  }
  const std::scoped_lock lock(mutex_);
  for (const SpeechTask& task : queue_) task.pipe->cancel();
  queue_.clear();
}

}  // namespace echo
