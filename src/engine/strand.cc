#include "engine/strand.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/utf8.h"
#include "engine/sampler_parameters.h"
#include "models/quantizer.h"
#include "tensor/ops.h"
#include "text/tokens.h"

namespace echo {
namespace {

constexpr int64_t kMaxPrefixFrames = 320;
constexpr int64_t kMinWindow = 96;
constexpr double kReserve = 1.25;
constexpr double kPauseFrames = 24;
constexpr double kMaxText = 0.95;                 // of what the window holds at the strand's rate
constexpr double kSlowest = 0.3, kFastest = 1.1;  // characters a frame
constexpr double kCharsAtRate = 260;              // of a chunk, at one character a frame
constexpr int64_t kMinChars = 60;
constexpr size_t kKeptParts = 3, kKeptRates = 5;
constexpr int64_t kTagBytes = 5;  // "[S1] "

std::string body_of(const PlannedChunk& chunk) {
  const std::string& text = chunk.model_text;
  const bool tagged = text.size() >= 5 && text[0] == '[' && text[1] == 'S' && text[3] == ']';
  return tagged ? text.substr(std::min(text.size(), size_t{5})) : text;
}

SpokenPart sizes_of(const PlannedChunk& chunk) {
  const std::string body = body_of(chunk);
  return {static_cast<int64_t>(count_code_points(body)), static_cast<int64_t>(body.size()), 0};
}

std::string tag_of(int speaker) { return "[S" + std::to_string(std::max(1, speaker)) + "] "; }

}  // namespace

int64_t needed_frames(int64_t chars, double rate) {
  const double frames = kReserve * static_cast<double>(chars) / rate + kPauseFrames;
  return 4 * static_cast<int64_t>(std::ceil(frames / 4));
}

size_t parts_of_next_chunk(std::span<const int64_t> chars, int64_t last_frames, double rate,
                           int64_t most_chars) {
  // The chunk before is heard where it leaves room for a short one.
  const bool heard = last_frames <= kMaxFrames - needed_frames(kMinChars, rate);
  const int64_t room = kMaxFrames - (heard ? last_frames : 0);
  const auto length = [&](size_t first, size_t end) {
    int64_t sum = -1;
    for (size_t i = first; i < end; ++i) sum += chars[i] + 1;
    return std::max<int64_t>(0, sum);
  };
  const int64_t all = length(0, chars.size());
  if (all <= most_chars && needed_frames(all, rate) <= room) return chars.size();
  const auto fits =
      static_cast<int64_t>((static_cast<double>(room) - kPauseFrames) / kReserve * rate);
  const auto usual = static_cast<int64_t>(kCharsAtRate * rate);
  const int64_t most = std::min(most_chars, std::max(kMinChars, std::min(usual, fits)));
  size_t count = 1;
  while (count < chars.size() && length(0, count + 1) <= most) ++count;
  while (count > 1 && length(count, chars.size()) < kMinChars) --count;
  return count;
}

ContinuationPlan plan_continuation(std::span<const SpokenPart> spoken, const SpokenPart& next,
                                   double rate, size_t max_parts) {
  const int64_t need = needed_frames(next.chars, rate);
  ContinuationPlan plan;
  // The start token, the tag, and every text with a space, or another tag, before it.
  int64_t tokens = 1 + kTagBytes + next.bytes, chars = next.chars, frames = 0;
  for (size_t parts = 1; parts <= std::min(spoken.size(), max_parts); ++parts) {
    const SpokenPart& part = spoken[spoken.size() - parts];
    frames += part.frames;
    chars += part.chars;
    tokens += part.bytes + 1 + kTagBytes;
    const bool fits = frames + need <= kMaxFrames &&
                      tokens <= static_cast<int64_t>(kMaxTextTokens) &&
                      static_cast<double>(chars) <= kMaxText * kMaxFrames * rate;
    if (!fits || (parts > 1 && frames > kMaxPrefixFrames)) break;
    plan.parts = parts;
    plan.prefix_frames = frames;
  }
  plan.window_frames = std::min(kMaxFrames - plan.prefix_frames, std::max(kMinWindow, need));
  return plan;
}

Strand::Continuation Strand::continue_with(const PlannedChunk& chunk, size_t max_parts) const {
  std::vector<SpokenPart> sizes;
  for (const Part& part : parts_) sizes.push_back(part.sizes);
  Continuation result;
  result.plan = plan_continuation(sizes, sizes_of(chunk), rate_, max_parts);
  if (result.plan.parts == 0) {
    result.model_text = chunk.model_text;
    return result;
  }
  const size_t first = parts_.size() - result.plan.parts;
  int speaker = parts_[first].speaker;
  result.model_text = tag_of(speaker) + parts_[first].text;
  Backend& backend = parts_[first].latents.backend();
  result.latents = echo::empty(backend, result.plan.prefix_frames, parts_[first].latents.cols(),
                               DType::kFloat32);
  int64_t row = 0;
  for (size_t i = first; i < parts_.size(); ++i) {
    const Part& part = parts_[i];
    copy(part.latents, result.latents.row_range(row, part.latents.rows()));
    row += part.latents.rows();
    if (i == first) continue;
    result.model_text += " " + (part.speaker == speaker ? "" : tag_of(part.speaker)) + part.text;
    speaker = part.speaker;
  }
  result.model_text +=
      " " + (chunk.speaker == speaker ? "" : tag_of(chunk.speaker)) + body_of(chunk);
  return result;
}

void Strand::add(const PlannedChunk& chunk, const Tensor& latents, int64_t speech_frames,
                 Codec::Decoder decoder) {
  Part part{body_of(chunk), chunk.speaker, sizes_of(chunk), latents};
  part.sizes.frames = latents.rows();
  if (speech_frames > 0) {
    rates_.push_back(static_cast<double>(part.sizes.chars) / static_cast<double>(speech_frames));
    if (rates_.size() > kKeptRates) rates_.pop_front();
    std::vector<double> sorted(rates_.begin(), rates_.end());
    std::sort(sorted.begin(), sorted.end());
    rate_ = std::clamp(sorted[sorted.size() / 2], kSlowest, kFastest);
  }
  frames_ += latents.rows();
  decoder_ = std::move(decoder);
  parts_.push_back(std::move(part));
  if (parts_.size() > kKeptParts) parts_.pop_front();
}

bool Strand::full() const { return frames_ + kMaxFrames > Quantizer::kMaxFrames; }

}  // namespace echo
