#include "audio/natural_join.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

namespace echo {
namespace {

// Below both a hop at an end is silence.
constexpr float kQuietest = -50;   // dB of full scale
constexpr float kRange = 42;       // dB below the speaker
constexpr size_t kSpeechHops = 3;  // a beginning is at least so long
constexpr size_t kBurstHops = 6;   // what is shorter, after a long silence, is a click
constexpr size_t kLongQuiet = 25;  // hops
constexpr size_t kHeldHops = 60;   // silence that may still be cut off
constexpr double kLongestHead = 0.3, kHead = 0.1, kTail = 0.12;  // seconds
constexpr double kTailFade = 0.02, kJoinFade = 0.02, kPauseFade = 0.005;
constexpr double kMinKept = 0.5;  // of a recording

// The gain that rises over `count` samples so that two of them, one rising and one falling, keep
// the power of sounds that have nothing to do with each other.
float rising(size_t i, size_t count) {
  const double x = (static_cast<double>(i) + 0.5) / static_cast<double>(count);
  return static_cast<float>(std::sin(x * std::numbers::pi / 2));
}

void fade_in(std::span<float> samples) {
  for (size_t i = 0; i < samples.size(); ++i) samples[i] *= rising(i, samples.size());
}

// A raised cosine down to nothing.
void fade_out(std::span<float> samples) {
  const auto count = static_cast<double>(samples.size());
  for (size_t i = 0; i < samples.size(); ++i) {
    const double x = (static_cast<double>(i) + 0.5) / count;
    samples[i] *= static_cast<float>(0.5 + 0.5 * std::cos(x * std::numbers::pi));
  }
}

// Appends `next` to `samples`, the first `overlap` of it over their end.
void cross_fade(Samples& samples, std::span<const float> next, size_t overlap) {
  const size_t begin = samples.size() - overlap;
  for (size_t i = 0; i < overlap; ++i) {
    samples[begin + i] =
        samples[begin + i] * rising(overlap - 1 - i, overlap) + next[i] * rising(i, overlap);
  }
  samples.insert(samples.end(), next.begin() + static_cast<ptrdiff_t>(overlap), next.end());
}

}  // namespace

NaturalJoiner::NaturalJoiner(const NaturalJoinOptions& options)
    : options_(options), hop_(hop_size(options.sample_rate)) {
  if (options.leading_pause_seconds > 0) {
    write_zeros(samples_of(options.leading_pause_seconds));
    after_ = After::kPause;
  }
}

size_t NaturalJoiner::samples_of(double seconds) const {
  return static_cast<size_t>(std::lround(seconds * options_.sample_rate));
}

void NaturalJoiner::write(std::span<const float> samples) {
  out_.insert(out_.end(), samples.begin(), samples.end());
  written_ += samples.size();
}

void NaturalJoiner::write_zeros(size_t count) {
  out_.resize(out_.size() + count, 0.0F);
  written_ += count;
}

Samples NaturalJoiner::push(std::span<const float> piece) {
  read_ += piece.size();
  while (!piece.empty()) {
    const size_t count = std::min(hop_ - part_.size(), piece.size());
    part_.insert(part_.end(), piece.begin(), piece.begin() + static_cast<ptrdiff_t>(count));
    piece = piece.subspan(count);
    if (part_.size() == hop_) {
      add_hop(part_);
      part_.clear();
    }
  }
  return std::exchange(out_, {});
}

void NaturalJoiner::add_hop(std::span<const float> hop) {
  const float level = level_of(hop);
  loud_.add(level);
  const bool loud = level > std::max(kQuietest, loud_.value() - kRange);
  if (speaking_) {
    add_to_body(hop, loud);
  } else {
    add_to_lead(hop, loud);
  }
}

void NaturalJoiner::add_to_lead(std::span<const float> hop, bool loud) {
  lead_.insert(lead_.end(), hop.begin(), hop.end());
  loud_hops_ = loud ? loud_hops_ + 1 : 0;
  if (loud_hops_ == kSpeechHops) begin_speech(lead_.size() - kSpeechHops * hop_);
}

void NaturalJoiner::add_to_body(std::span<const float> hop, bool loud) {
  tail_.insert(tail_.end(), hop.begin(), hop.end());
  place_hops_ = loud ? place_hops_ + 1 : 0;
  if (loud) {
    ++loud_hops_;
    if (quiet_hops_ >= kLongQuiet && loud_hops_ < kBurstHops) return;
    quiet_hops_ = 0;
    write(tail_);
    if (new_place_ && place_hops_ >= kSpeechHops) {
      place_.begin = written_ - place_hops_ * hop_;
      new_place_ = false;
    }
    tail_.clear();
    tail_written_ = 0;
    place_.end = written_;
  } else {
    // A burst is part of the silence around it.
    quiet_hops_ += 1 + (quiet_hops_ >= kLongQuiet ? loud_hops_ : 0);
    loud_hops_ = 0;
  }
  const size_t held = kHeldHops * hop_;
  if (tail_.size() > held) {
    const size_t count = tail_.size() - held;
    write(std::span(tail_).first(count));
    tail_.erase(tail_.begin(), tail_.begin() + static_cast<ptrdiff_t>(count));
    tail_written_ += count;
  }
}

void NaturalJoiner::begin_speech(size_t lead) {
  write_gap(std::span(lead_).first(lead));
  place_.begin = written_;
  write(std::span(lead_).subspan(lead));
  place_.end = written_;
  lead_.clear();
  tail_.clear();
  tail_written_ = 0;
  quiet_hops_ = 0;
  speaking_ = true;
}

void NaturalJoiner::write_gap(std::span<const float> lead) {
  if (after_ == After::kChunk) {
    const size_t wanted = gap_ - std::min(gap_, tail_written_);
    if (tail_.size() + lead.size() >= wanted) {
      write_shortened(lead, wanted);
    } else {
      write_lengthened(lead, wanted);
    }
    return;
  }
  const bool long_head = lead.size() > samples_of(kLongestHead);
  const size_t head = samples_of(kHead);
  const bool trim = after_ == After::kPause ? lead.size() > head : options_.trim_head && long_head;
  if (!trim) return write(lead);
  Samples kept(lead.end() - static_cast<ptrdiff_t>(head), lead.end());
  fade_in(std::span(kept).first(samples_of(kPauseFade)));
  write(kept);
}

void NaturalJoiner::write_shortened(std::span<const float> lead, size_t wanted) {
  // About half of what is kept from each side, more of one where the other has less.
  size_t after = std::min(lead.size(), wanted / 2);
  const size_t before = std::min(tail_.size(), wanted - after);
  after = wanted - before;
  Samples gap(tail_.begin(), tail_.begin() + static_cast<ptrdiff_t>(before));
  const std::span<const float> rest = lead.last(after);
  // What meets here was not neighbours: the end of the first part goes on under the second.
  const size_t fade = std::min({samples_of(kJoinFade), tail_.size() - before, after});
  const auto end = tail_.begin() + static_cast<ptrdiff_t>(before);
  gap.insert(gap.end(), end, end + static_cast<ptrdiff_t>(fade));
  cross_fade(gap, rest, fade);
  write(gap);
}

void NaturalJoiner::write_lengthened(std::span<const float> lead, size_t wanted) {
  const size_t missing = wanted - tail_.size() - lead.size();
  // The silence that is there, read to and fro: its end goes on into its own mirror image.
  const bool from_tail = tail_.size() >= lead.size();
  const std::span<const float> room = from_tail ? std::span<const float>(tail_) : lead;
  if (room.size() < 2 * hop_) {
    Samples before = tail_, after(lead.begin(), lead.end());
    const size_t fade = samples_of(kPauseFade);
    fade_out(std::span(before).last(std::min(before.size(), fade)));
    fade_in(std::span(after).first(std::min(after.size(), fade)));
    write(before);
    write_zeros(missing);
    return write(after);
  }
  const std::span<const float> other = from_tail ? lead : std::span<const float>(tail_);
  const size_t fade = std::min(samples_of(kJoinFade), other.size());
  Samples filler(missing + fade);
  for (size_t i = 0; i < filler.size(); ++i) {
    const size_t turn = i / room.size(), at = i % room.size();
    const size_t inwards = turn % 2 == 0 ? room.size() - 1 - at : at;
    filler[i] = from_tail ? room[inwards] : room[room.size() - 1 - inwards];
  }
  Samples gap = tail_;
  if (from_tail) {
    gap.insert(gap.end(), filler.begin(), filler.end());
    cross_fade(gap, lead, fade);
  } else {
    std::reverse(filler.begin(), filler.end());
    cross_fade(gap, filler, fade);
    gap.insert(gap.end(), lead.begin(), lead.end());
  }
  write(gap);
}

void NaturalJoiner::write_tail(bool trim, bool last) {
  const size_t wanted = samples_of(kTail);
  const size_t kept = wanted - std::min(wanted, tail_written_);
  const auto least = static_cast<uint64_t>(kMinKept * static_cast<double>(read_));
  if (trim && kept < tail_.size() && (!last || written_ + kept >= least)) {
    tail_.resize(kept);
    const double fade = last ? kTailFade : kPauseFade;
    fade_out(std::span(tail_).last(std::min(kept, samples_of(fade))));
  }
  write(tail_);
  tail_.clear();
  tail_written_ = 0;
}

Samples NaturalJoiner::end_chunk(const ChunkBoundary& boundary) {
  if (new_place_) place_.begin = place_.end;  // the chunk had no speech
  if (boundary.continues && boundary.pause_seconds <= 0) {
    new_place_ = true;
    place_hops_ = 0;
    return std::exchange(out_, {});
  }
  new_place_ = false;
  if (!part_.empty()) {
    const Samples rest = std::exchange(part_, {});
    if (speaking_) {
      tail_.insert(tail_.end(), rest.begin(), rest.end());
    } else {
      lead_.insert(lead_.end(), rest.begin(), rest.end());
    }
  }
  // A chunk without speech stays as it is: whoever judges has let it pass.
  if (!speaking_ && !lead_.empty()) begin_speech(0);
  const bool pause = boundary.pause_seconds > 0;
  if (boundary.last || pause) {
    write_tail(options_.trim_tail && !boundary.sound_event, boundary.last && !pause);
    write_zeros(samples_of(boundary.pause_seconds));
  }
  after_ = pause ? After::kPause : After::kChunk;
  gap_ = samples_of(boundary.gap_seconds);
  speaking_ = false;
  loud_hops_ = quiet_hops_ = 0;
  return std::exchange(out_, {});
}

}  // namespace echo
