// Shares the device among requests: every pass advances each running trajectory by one step.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <stop_token>
#include <vector>

#include "engine/modulation_cache.h"
#include "engine/speech_job.h"

namespace echo {

// Requests and chunks of one request advance side by side. A request that is added joins at the
// next pass; one that is cancelled leaves before its next step; one that fails is answered and the
// others go on. On a backend that gains from it, trajectories share forward passes; on the CPU each
// has its own, so that a result does not depend on what else is running.
//
// Used by the device's thread alone.
class Scheduler {
 public:
  // When `stop` is requested, all requests are answered as cancelled within a step.
  Scheduler(const SpeechModels& models, ModulationCache& modulations, std::stop_token stop);
  ~Scheduler();

  // Starts the task, unless it has been cancelled meanwhile.
  void add(SpeechTask task);
  size_t jobs() const { return jobs_.size(); }
  size_t trajectories() const;

  // Voices of new requests, one step of every trajectory, a piece of decoding for every request.
  // Returns whether there was anything to do: if not, every request waits for its listener.
  bool pass();

  // Answers every request with the exception that is being handled: the pass itself broke.
  void fail_all();

 private:
  struct Active {
    using Forward = std::stop_callback<std::function<void()>>;
    Active(std::shared_ptr<SpeechPipe> pipe, const std::stop_token& all);

    std::shared_ptr<SpeechPipe> pipe;
    std::stop_source stop;  // requested with the listener's or with everybody's
    Forward listener_stop, all_stop;
    std::unique_ptr<SpeechJob> job;
    bool voice_encoded = false;
    bool done = false;  // answered; leaves at the end of the pass
  };
  struct Runner {
    Active* active;
    Trajectory* trajectory;
  };

  // Runs a piece of a job's work; what it throws answers that job.
  void guard(Active& active, const std::function<void()>& work);
  // Answers what has been cancelled.
  void sweep();
  void start_chunks();
  std::vector<Runner> runners();
  void step(std::vector<Runner> batch);
  // Lets the device work on one step while the next is asked for, and no more: what has been asked
  // for cannot be taken back, and progress is told when it is asked for.
  void keep_pace();
  void remove_done();
  size_t batch_width() const;

  const SpeechModels& models_;
  ModulationCache& modulations_;
  std::stop_token stop_;
  std::list<Active> jobs_;  // in the order of arrival
  std::shared_ptr<TimeMark> last_step_;
};

}  // namespace echo
