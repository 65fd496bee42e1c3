#include "engine/strand_pause.h"

#include <algorithm>
#include <cmath>

namespace echo {
namespace {

constexpr double kLongestAtParagraph = 2, kLongestAtSentence = 1.2,
                 kLongestWithin = 0.6;  // seconds
constexpr double kKeptShare = 0.75;     // of the longest
constexpr int64_t kKeptFrames = 4;
constexpr double kShortest = 0.08, kLengthened = 0.15;  // seconds

}  // namespace

int64_t frames_to_leave_out(double tail_seconds, double lead_seconds, ChunkEnd end,
                            double frame_seconds) {
  const double longest = end == ChunkEnd::kParagraph  ? kLongestAtParagraph
                         : end == ChunkEnd::kSentence ? kLongestAtSentence
                                                      : kLongestWithin;
  const double pause = tail_seconds + lead_seconds;
  if (pause <= longest) return 0;
  const auto silent = static_cast<int64_t>(lead_seconds / frame_seconds) - kKeptFrames;
  const auto wanted =
      static_cast<int64_t>(std::ceil((pause - kKeptShare * longest) / frame_seconds));
  return std::max<int64_t>(0, std::min(silent, wanted));
}

double pause_to_add(double pause_seconds, ChunkEnd end) {
  const bool within = end == ChunkEnd::kClause || end == ChunkEnd::kWord;
  return within || pause_seconds >= kShortest ? 0 : kLengthened - pause_seconds;
}

}  // namespace echo
