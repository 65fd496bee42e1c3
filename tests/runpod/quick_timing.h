#pragma once

#include "runpod/worker_options.h"

namespace echo::runpod {

// The protocol's pauses, so much shorter that tests are quick. What a slow machine could exceed
// stays long: a test that is about such a limit sets it.
inline WorkerTiming quick_timing() {
  WorkerTiming timing;
  timing.poll_timeout = Milliseconds(120'000);
  timing.post_timeout = Milliseconds(120'000);
  timing.too_many_requests = Milliseconds(250);
  timing.backoff_first = Milliseconds(10);
  timing.failure_cap = Milliseconds(300);
  timing.frozen_cap = Milliseconds(50);
  timing.idle_cap = Milliseconds(20);
  timing.held_poll = Milliseconds(20);
  timing.stop_pause = Milliseconds(20);
  timing.stop_failure_cap = Milliseconds(300);
  timing.post_backoff_first = Milliseconds(10);
  timing.post_backoff_cap = Milliseconds(50);
  timing.post_budget = Milliseconds(120'000);
  timing.piece_budget = Milliseconds(120'000);
  timing.ping_retry_step = Milliseconds(20);
  timing.unhealthy_timeout = Milliseconds(120'000);
  timing.progress_interval = Milliseconds(0);
  timing.cancel_grace = Milliseconds(120'000);
  timing.refresh_wait = Milliseconds(300);
  return timing;
}

}  // namespace echo::runpod
