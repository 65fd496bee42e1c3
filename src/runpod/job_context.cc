#include "runpod/job_context.h"

#include <utility>

#include "job/piece_rules.h"
#include "runpod/result_body.h"

namespace echo::runpod {
namespace {

[[noreturn]] void throw_cancelled(const char* why) { throw Error(ErrorCode::kCancelled, why); }

}  // namespace

void WorkerJobContext::progress(const Json& update) {
  job_.sign_of_life();
  outbox_.progress(progress_body(update));
}

void WorkerJobContext::stream(const Json& piece) {
  job_.sign_of_life();
  {
    const std::lock_guard lock(mutex_);
    if (error_) throw_cancelled("the stream has ended with an error");
    if (auto error = piece_error(piece)) {
      error_ = std::move(*error);
      throw_cancelled("the stream has ended with an error");
    }
  }
  std::string body = stream_body(piece);
  check_piece(body.size(), settings_.piece_limit);
  streamed_ = true;
  if (settings_.aggregate || !settings_.can_stream) {
    const std::lock_guard lock(mutex_);
    pieces_.push_back(piece);
  }
  if (job_.stop_token().stop_requested()) throw_cancelled("the job is no longer wanted");
  if (settings_.can_stream && !outbox_.piece(std::move(body))) {
    throw_cancelled("the job is no longer wanted");
  }
  job_.sign_of_life();
}

std::optional<std::string> WorkerJobContext::stream_error() const {
  const std::lock_guard lock(mutex_);
  return error_;
}

Json WorkerJobContext::take_pieces() {
  const std::lock_guard lock(mutex_);
  return std::move(pieces_);
}

}  // namespace echo::runpod
