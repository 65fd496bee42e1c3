#include "base/retry.h"

#include <algorithm>
#include <cmath>

namespace echo {

using std::chrono::milliseconds;

Backoff::Backoff(const RetryPolicy& policy, Clock& clock, std::uint64_t seed)
    : policy_(policy),
      clock_(clock),
      random_(static_cast<std::minstd_rand::result_type>(seed)),
      start_(clock.now()) {}

std::optional<milliseconds> Backoff::next_delay(milliseconds at_least) {
  ++failures_;
  if (policy_.max_attempts > 0 && failures_ >= policy_.max_attempts) return std::nullopt;

  const double grown = static_cast<double>(policy_.first_delay.count()) *
                       std::pow(policy_.factor, std::min(failures_ - 1, 60));
  const double capped = std::min(grown, static_cast<double>(policy_.max_delay.count()));
  std::uniform_real_distribution<double> part(1.0 - policy_.jitter, 1.0);
  const milliseconds drawn(std::llround(capped * part(random_)));
  const milliseconds delay = std::max(drawn, at_least);

  const auto left = time_left();
  if (left && delay >= *left) return std::nullopt;
  return delay;
}

bool Backoff::wait(std::stop_token stop, milliseconds at_least) {
  const auto delay = next_delay(at_least);
  return delay && clock_.sleep_for(*delay, std::move(stop));
}

void Backoff::reset() {
  failures_ = 0;
  start_ = clock_.now();
}

std::optional<milliseconds> Backoff::time_left() const {
  if (policy_.total <= milliseconds::zero()) return std::nullopt;
  const auto spent = std::chrono::duration_cast<milliseconds>(clock_.now() - start_);
  return std::max(milliseconds::zero(), policy_.total - spent);
}

}  // namespace echo
