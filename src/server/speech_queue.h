// Speech that is no job takes turns with the jobs: it shares their queue, slots and limits, and its
// result is not kept.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <stop_token>

#include "server/openai_error.h"
#include "server/server_state.h"
#include "server/work_queue.h"

namespace echo::server {

// Speech that waits for its turn. One of the two functions is called, once.
struct SpeechWork {
  std::function<void(std::stop_token stop, double queue_seconds)> run;
  std::function<void(const OpenAiError&)> refuse;
  std::stop_token gone;  // requested when nobody wants it any more
  // Set by the queue, so that it leaves it then.
  std::shared_ptr<void> withdraw = {};
};

// Threads: any.
class SpeechQueue {
 public:
  // `capacity`: of the work queue. What is referred to must outlive it.
  SpeechQueue(WorkQueue& work, size_t capacity, const std::atomic<ServerState>& state)
      : work_(work), capacity_(capacity), state_(state) {}

  // Throws OpenAiError when there is no room or none will be: device_broken, draining, queue_full.
  void submit(SpeechWork speech);
  // Throws what submit() would throw now, so that nothing is done in vain for a full queue.
  void check_room() const;

 private:
  WorkQueue& work_;
  const size_t capacity_;
  const std::atomic<ServerState>& state_;
};

}  // namespace echo::server
