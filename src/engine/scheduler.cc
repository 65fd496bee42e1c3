#include "engine/scheduler.h"

#include <algorithm>
#include <set>

#include "base/error.h"

namespace echo {

Scheduler::Active::Active(std::shared_ptr<SpeechPipe> listened, const std::stop_token& all)
    : pipe(std::move(listened)),
      listener_stop(pipe->cancelled(), [this] { stop.request_stop(); }),
      all_stop(all, [this] { stop.request_stop(); }) {}

Scheduler::Scheduler(const SpeechModels& models, ModulationCache& modulations, std::stop_token stop)
    : models_(models), modulations_(modulations), stop_(std::move(stop)) {}

Scheduler::~Scheduler() {
  for (Active& active : jobs_) active.pipe->fail_as_cancelled();
}

void Scheduler::add(SpeechTask task) {
  if (!task.pipe->start()) return;
  Active& active = jobs_.emplace_back(task.pipe, stop_);
  guard(active, [&] {
    active.job = std::make_unique<SpeechJob>(models_, std::move(task), active.stop.get_token());
  });
}

size_t Scheduler::trajectories() const {
  size_t count = 0;
  for (const Active& active : jobs_) count += active.job ? active.job->running().size() : 0;
  return count;
}

size_t Scheduler::batch_width() const {
  return static_cast<size_t>(models_.batch_width > 0 ? models_.batch_width
                                                     : models_.backend.batch_width());
}

bool Scheduler::pass() {
  bool worked = false;
  for (Active& active : jobs_) {
    sweep();
    if (active.done || active.voice_encoded) continue;
    guard(active, [&] { active.job->encode_voice(); });
    active.voice_encoded = true;
    worked = true;
  }
  start_chunks();
  const auto width = batch_width();
  const std::vector<Runner> all = runners();
  worked = worked || !all.empty();
  for (size_t first = 0; first < all.size(); first += width) {
    step({all.begin() + static_cast<ptrdiff_t>(first),
          all.begin() + static_cast<ptrdiff_t>(std::min(first + width, all.size()))});
  }
  for (Active& active : jobs_) {
    sweep();
    if (active.done) continue;
    guard(active, [&] {
      worked = active.job->decode_piece() || worked;
      if (active.job->finished()) {
        active.pipe->succeed(active.job->take_summary());
        active.done = true;
      }
    });
  }
  const size_t before = jobs_.size();
  remove_done();
  return worked || jobs_.size() < before;
}

void Scheduler::guard(Active& active, const std::function<void()>& work) {
  try {
    work();
  } catch (...) {
    active.pipe->fail(current_failure());
    active.done = true;
  }
}

void Scheduler::fail_all() {
  for (Active& active : jobs_) active.pipe->fail(current_failure());
  jobs_.clear();
}

void Scheduler::sweep() {
  for (Active& active : jobs_) {
    if (active.done || !active.stop.stop_requested()) continue;
    active.pipe->fail_as_cancelled();
    active.done = true;
  }
}

// Every job has a trajectory; what the device can take beyond goes to the jobs that have fewest.
void Scheduler::start_chunks() {
  const size_t most = std::max(jobs_.size(), batch_width());
  while (true) {
    Active* chosen = nullptr;
    size_t fewest = 0, total = 0;
    for (Active& active : jobs_) {
      if (active.done) continue;
      const size_t running = active.job->running().size();
      total += running;
      if (active.job->can_start_chunk() && (!chosen || running < fewest)) {
        chosen = &active;
        fewest = running;
      }
    }
    if (!chosen || total >= most) return;
    guard(*chosen, [&] { chosen->job->start_chunk(); });
  }
}

std::vector<Scheduler::Runner> Scheduler::runners() {
  std::vector<Runner> all;
  for (Active& active : jobs_) {
    if (active.done) continue;
    for (Trajectory* trajectory : active.job->running()) all.push_back({&active, trajectory});
  }
  return all;
}

void Scheduler::step(std::vector<Runner> batch) {
  sweep();
  std::erase_if(batch, [](const Runner& runner) { return runner.active->done; });
  if (batch.empty()) return;
  std::vector<Trajectory*> trajectories;
  for (const Runner& runner : batch) trajectories.push_back(runner.trajectory);
  const auto start = std::chrono::steady_clock::now();
  Tensor v;
  try {
    v = velocities(models_.session, modulations_, trajectories);
    keep_pace();
  } catch (...) {
    // No trajectory has moved. Alone, the one that is to blame fails and the others do not.
    if (batch.size() == 1) {
      guard(*batch[0].active, [] { throw; });
    } else {
      for (const Runner& runner : batch) step({runner});
    }
    return;
  }
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (models_.pace != nullptr) models_.pace->add(v.rows(), seconds);
  std::set<const Active*> timed;
  int64_t row = 0;
  for (const Runner& runner : batch) {
    const auto rows =
        static_cast<int64_t>(runner.trajectory->sequences().size()) * runner.trajectory->x().rows();
    const Tensor part = v.row_range(row, rows);
    row += rows;
    if (runner.active->done) continue;  // another trajectory of the job has just failed
    const bool first = timed.insert(runner.active).second;
    guard(*runner.active,
          [&] { runner.active->job->apply(*runner.trajectory, part, first ? seconds : 0); });
  }
}

void Scheduler::keep_pace() {
  const std::shared_ptr<TimeMark> before = std::move(last_step_);
  last_step_ = models_.backend.mark();
  if (before) models_.backend.wait(*before);
}

void Scheduler::remove_done() {
  jobs_.remove_if([](const Active& active) { return active.done; });
}

}  // namespace echo
