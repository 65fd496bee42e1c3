// The JobContext of a queue worker.
#pragma once

#include <atomic>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "job/handler.h"
#include "runpod/job_table.h"
#include "runpod/outbox.h"

namespace echo::runpod {

// Threads: the job's threads; the functions after finish() by the one that runs the job.
class WorkerJobContext final : public JobContext {
 public:
  struct Settings {
    size_t piece_limit;  // bytes of one piece's body
    bool can_stream;     // false: pieces are only collected for the final result
    bool aggregate;      // pieces are collected as well as sent
  };

  // The referenced objects must outlive the context.
  WorkerJobContext(ActiveJob& job, Outbox& outbox, Settings settings)
      : job_(job), outbox_(outbox), settings_(settings) {}

  void progress(const Json& update) override;
  void stream(const Json& piece) override;
  std::stop_token stop_token() const override { return job_.stop_token(); }
  void sign_of_life() override { job_.sign_of_life(); }
  std::chrono::steady_clock::time_point deadline() const override { return job_.deadline(); }

  // Whether the handler streamed anything.
  bool streamed() const { return streamed_; }
  // The text of a piece that ended the job.
  std::optional<std::string> stream_error() const;
  // The collected pieces.
  Json take_pieces();

 private:
  ActiveJob& job_;
  Outbox& outbox_;
  const Settings settings_;
  std::atomic<bool> streamed_{false};
  mutable std::mutex mutex_;
  std::optional<std::string> error_;
  Json pieces_ = Json::array();
};

}  // namespace echo::runpod
