#include "server/speech_queue.h"

#include <chrono>
#include <utility>

namespace echo::server {
namespace {

OpenAiError broken_device() {
  return {503, "The device or the process is broken.", "device_broken"};
}

// Why there is no place in the queue.
OpenAiError no_place(Added added) {
  if (added == Added::kClosed) return {503, "The server is about to end.", "draining"};
  return {429, "Too many requests wait, try again later.", "queue_full"};
}

}  // namespace

void SpeechQueue::check_room() const {
  if (state_ == ServerState::kBroken) throw broken_device();
  if (work_.closed()) throw no_place(Added::kClosed);
  if (work_.counts().waiting >= capacity_) throw no_place(Added::kFull);
}

void SpeechQueue::submit(SpeechWork speech) {
  check_room();
  const auto shared = std::make_shared<SpeechWork>(std::move(speech));
  const auto asked = std::chrono::steady_clock::now();
  Work work;
  work.run = [shared, asked](const std::stop_token& stop) {
    const std::chrono::duration<double> waited = std::chrono::steady_clock::now() - asked;
    shared->run(stop, waited.count());
  };
  work.refused = [this, shared](const std::string&) {
    const bool broken = state_ == ServerState::kBroken;
    shared->refuse(broken ? broken_device() : OpenAiError(503, "The server ends.", "draining"));
  };
  WorkQueue::Ticket ticket;
  const Added added = work_.add(std::move(work), &ticket);
  if (added != Added::kYes) throw no_place(added);
  // Whoever has gone away gives the place in the queue to the others.
  const std::weak_ptr<WorkQueue::Unit> unit = ticket;
  const auto withdraw = [&queue = work_, unit] {
    if (const WorkQueue::Ticket waiting = unit.lock()) queue.withdraw(waiting);
  };
  shared->withdraw =
      std::make_shared<std::stop_callback<decltype(withdraw)>>(shared->gone, withdraw);
}

}  // namespace echo::server
