// An engine and an object store that do at once, or fail to do, whatever a test wants.
#pragma once

#include <atomic>
#include <cmath>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "base/utf8.h"
#include "engine/speech_pipe.h"
#include "engine/speech_stream.h"
#include "net/object_store.h"
#include "support/kept_log.h"
#include "text/plan.h"

namespace echo {

// Speaks a tone of a twelfth of a second a character, chunk by chunk, with progress at every step.
// Stands in for a SpeechFunction: `std::ref(fake)`.
class FakeSpeech {
 public:
  // Called when a request comes, on the caller's thread; may throw.
  std::function<void()> at_start;
  // Called at every step, on a thread of the fake's, before progress is told; may block or throw.
  std::function<void(const SpeechProgress&, std::stop_token)> at_step;
  // Called on all samples, which then come as one piece at the end.
  std::function<void(std::vector<float>&)> at_end;
  std::vector<std::string> warnings;

  SpeechStream operator()(SpeechRequest request, SpeechCallbacks callbacks) {
    ++calls_;
    if (at_start) at_start();
    validate(request.parameters);
    SpeechSummary summary;
    summary.warnings = warnings;
    summary.timings = {
        .queue = 0.1, .voice = 0.2, .text = 0.3, .diffusion = 0.4, .decode = 0.5, .total = 1.5};
    if (request.voice) summary.voice_cache = use_voice(*request.voice);
    auto pipe = std::make_shared<SpeechPipe>(std::move(callbacks));
    pipe->start();
    const std::scoped_lock lock(mutex_);
    threads_.emplace_back([=, this, request = std::move(request)]() mutable {
      try {
        make(request, *pipe, summary);
      } catch (...) {
        pipe->fail(current_failure());
      }
    });
    return SpeechStream(pipe);
  }

  int calls() const { return calls_; }

  // Waits until nothing is being spoken, for tests whose own parts go before the fake.
  void wait() {
    std::vector<std::jthread> threads;
    {
      const std::scoped_lock lock(mutex_);
      threads.swap(threads_);
    }
    for (std::jthread& thread : threads) thread.join();
  }

  static std::vector<float> tone(size_t count) {
    std::vector<float> samples(count);
    for (size_t i = 0; i < count; ++i) {
      samples[i] = 0.5F * std::sin(0.0627F * static_cast<float>(i));
    }
    return samples;
  }

 private:
  void make(const SpeechRequest& request, SpeechPipe& pipe, SpeechSummary& summary) {
    const std::stop_token stop = pipe.cancelled();
    const auto chunks =
        plan_chunks(request.text, {static_cast<size_t>(request.parameters.max_chars_per_chunk),
                                   request.parameters.target_duration_seconds});
    SpeechProgress progress;
    progress.chunks = static_cast<int64_t>(chunks.size());
    progress.steps = request.parameters.num_steps;
    std::vector<float> all;
    for (const TextChunk& chunk : chunks) {
      ++progress.chunk;
      for (progress.step = 1; progress.step <= progress.steps; ++progress.step) {
        if (at_step) at_step(progress, stop);
        if (stop.stop_requested()) throw Error(ErrorCode::kCancelled, "the request was cancelled");
        pipe.tell(progress);
      }
      const size_t chars = count_code_points(chunk.text);
      std::vector<float> samples = tone(chars * kModelRate / 12);
      SpokenChunk spoken;
      spoken.text = chunk.text;
      spoken.text_chars = static_cast<int64_t>(chars);
      spoken.seed = request.parameters.seed;
      spoken.seconds = static_cast<double>(samples.size()) / kModelRate;
      summary.chunks.push_back(std::move(spoken));
      if (at_end) {
        all.insert(all.end(), samples.begin(), samples.end());
      } else {
        pipe.push(std::move(samples));
      }
    }
    if (at_end) at_end(all);
    pipe.push(std::move(all));
    pipe.succeed(std::move(summary));
  }

  VoiceCacheUse use_voice(const VoiceReference& voice) {
    {
      const std::scoped_lock lock(mutex_);
      if (voices_.count(voice.key) > 0) return VoiceCacheUse::kHit;
    }
    voice.load();
    const std::scoped_lock lock(mutex_);
    voices_.insert(voice.key);
    return VoiceCacheUse::kMiss;
  }

  std::atomic<int> calls_{0};
  std::mutex mutex_;
  std::set<std::string> voices_;
  std::vector<std::jthread> threads_;  // last: they use all of the above
};

// Objects in memory.
class FakeStore final : public ObjectStore {
 public:
  explicit FakeStore(std::string prefix = "") : prefix_(std::move(prefix)) {}

  // What the next calls of put() and head() do instead.
  void fail_always(std::string message, ErrorCode code = ErrorCode::kUnavailable) {
    const std::scoped_lock lock(mutex_);
    failure_.emplace(code, std::move(message));
  }
  void hang() {
    const std::scoped_lock lock(mutex_);
    hangs_ = true;
  }
  void recover() {
    const std::scoped_lock lock(mutex_);
    failure_.reset();
    hangs_ = false;
  }
  // Waits until a call hangs; false after ten seconds.
  bool wait_until_hanging() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::minutes(2), [&] { return hanging_ > 0; });
  }

  struct Object {
    std::string data;
    std::string content_type;
  };
  std::map<std::string, Object> objects() const {
    const std::scoped_lock lock(mutex_);
    return objects_;
  }

  std::string key(const std::string& name) const override { return prefix_ + name; }
  void put(const std::string& name, std::string_view data, const std::string& content_type,
           std::stop_token stop = {}) override {
    trouble(stop);
    const std::scoped_lock lock(mutex_);
    objects_[key(name)] = {std::string(data), content_type};
  }
  std::string get(const std::string& name, std::stop_token = {}) override {
    const std::scoped_lock lock(mutex_);
    const auto found = objects_.find(key(name));
    if (found == objects_.end()) throw_not_found("storage: no object " + key(name));
    return found->second.data;
  }
  std::optional<ObjectInfo> head(const std::string& name, std::stop_token stop = {}) override {
    trouble(stop);
    const std::scoped_lock lock(mutex_);
    const auto found = objects_.find(key(name));
    if (found == objects_.end()) return std::nullopt;
    return ObjectInfo{found->second.data.size(), found->second.content_type};
  }
  void remove(const std::string& name, std::stop_token = {}) override {
    const std::scoped_lock lock(mutex_);
    objects_.erase(key(name));
  }
  std::string link(const std::string& name, std::chrono::seconds = {}) const override {
    return "https://storage.test/" + key(name) + "?signature=0123456789abcdef";
  }
  std::string read_link(const std::string& url, std::stop_token = {}) override {
    const std::string begin = "https://storage.test/";
    return get(
        url.substr(begin.size() + prefix_.size(), url.find('?') - begin.size() - prefix_.size()));
  }
  std::string describe() const override { return "bucket fake at https://storage.test"; }

 private:
  void trouble(std::stop_token stop) {
    std::unique_lock lock(mutex_);
    if (hangs_) {
      ++hanging_;
      changed_.notify_all();
      changed_.wait(lock, stop, [&] { return !hangs_; });
      --hanging_;
      if (stop.stop_requested()) throw Error(ErrorCode::kCancelled, "storage: cancelled");
    }
    if (failure_) throw Error(failure_->first, failure_->second);
  }

  const std::string prefix_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::map<std::string, Object> objects_;
  std::optional<std::pair<ErrorCode, std::string>> failure_;
  bool hangs_ = false;
  int hanging_ = 0;
};

}  // namespace echo
