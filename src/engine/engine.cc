#include "engine/engine.h"

#include <algorithm>
#include <vector>

#include "base/error.h"
#include "engine/engine_core.h"
#include "engine/scheduler.h"
#include "engine/speech_task.h"

namespace echo {

SpeechTicket::SpeechTicket(std::shared_ptr<SpeechTask> task)
    : task_(std::move(task)), outcome_(task_->outcome()) {}

SpeechTicket::SpeechTicket(SpeechTicket&&) noexcept = default;

SpeechTicket& SpeechTicket::operator=(SpeechTicket&& other) noexcept {
  if (task_) task_->cancel();
  task_ = std::move(other.task_);
  outcome_ = std::move(other.outcome_);
  return *this;
}

SpeechTicket::~SpeechTicket() {
  if (task_) task_->cancel();
}

void SpeechTicket::cancel() { task_->cancel(); }

bool SpeechTicket::wait_for(std::chrono::milliseconds duration) const {
  return outcome_.wait_for(duration) == std::future_status::ready;
}

SpeechResult SpeechTicket::wait() { return result_of(outcome_.get()); }

std::unique_ptr<Engine> Engine::load(const EngineOptions& options) {
  if (options.queue_capacity == 0) throw_invalid("queue_capacity: found 0, expected at least 1");
  if (options.max_text_chars < 1) throw_invalid("max_text_chars: expected at least 1");
  if (options.speaker_chunk_frames < 1) {
    throw_invalid("speaker_chunk_frames: expected at least 1");
  }
  return std::unique_ptr<Engine>(new Engine(options, std::make_unique<EngineCore>(options)));
}

Engine::Engine(const EngineOptions& options, std::unique_ptr<EngineCore> core)
    : options_(options), core_(std::move(core)), info_(core_->info()) {
  constexpr size_t kLeastRequests = 4;
  info_.max_requests = options.max_requests > 0
                           ? options.max_requests
                           : std::max(kLeastRequests, static_cast<size_t>(info_.batch_width));
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

SpeechTicket Engine::submit(SpeechRequest request, SpeechCallbacks callbacks) {
  auto task =
      std::make_shared<SpeechTask>(core_->prepare(std::move(request)), std::move(callbacks));
  {
    const std::scoped_lock lock(mutex_);
    if (stopping_) throw_unavailable("the engine is shutting down");
    if (queue_.size() >= options_.queue_capacity) {
      std::erase_if(queue_, [](const auto& waiting) { return !waiting->waiting(); });
    }
    if (queue_.size() >= options_.queue_capacity) {
      throw_unavailable("the queue is full: " + std::to_string(queue_.size()) +
                        " requests are waiting");
    }
    queue_.push_back(task);
  }
  queued_.notify_one();
  return SpeechTicket(std::move(task));
}

SpeechResult Engine::speak(SpeechRequest request, SpeechCallbacks callbacks, std::stop_token stop) {
  SpeechTicket ticket = submit(std::move(request), std::move(callbacks));
  const std::stop_callback cancel(stop, [&ticket] { ticket.cancel(); });
  return ticket.wait();
}

EngineStatus Engine::status() const {
  const VoiceCache::Statistics voices = core_->voices();
  const std::scoped_lock lock(mutex_);
  EngineStatus status;
  status.waiting = static_cast<size_t>(std::count_if(
      queue_.begin(), queue_.end(), [](const auto& task) { return task->waiting(); }));
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
    std::vector<std::shared_ptr<SpeechTask>> arrived;
    {
      std::unique_lock lock(mutex_);
      running_ = scheduler.jobs();
      trajectories_ = scheduler.trajectories();
      if (running_ == 0) queued_.wait(lock, stop, [this] { return !queue_.empty(); });
      while (!queue_.empty() && running_ + arrived.size() < info_.max_requests) {
        arrived.push_back(std::move(queue_.front()));
        queue_.pop_front();
      }
    }
    for (auto& task : arrived) scheduler.add(std::move(task));
    try {
      scheduler.pass();
    } catch (...) {
      scheduler.fail_all();
    }
  }
  const std::scoped_lock lock(mutex_);
  for (const auto& task : queue_) task->cancel();
  queue_.clear();
}

}  // namespace echo
