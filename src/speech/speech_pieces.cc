#include "speech/speech_pieces.h"

#include <algorithm>
#include <cmath>

#include "base/digest.h"
#include "speech/job_report.h"

namespace echo {

void SpeechPieces::add(std::string_view bytes, double seconds) {
  gathered_ += bytes;
  end_ = std::max(end_, seconds);
  const auto now = clock_.now();
  if (!last_ || now - *last_ >= options_.gather || gathered_.size() >= options_.piece_bytes) {
    send_gathered();
    last_ = clock_.now();
  }
}

void SpeechPieces::finish(const Json& metadata) {
  send_gathered();
  send_({{"index", index_++}, {"final", true}, {"metadata", metadata}});
}

// In several pieces when it is too much for one; each is given its share of the time.
void SpeechPieces::send_gathered() {
  std::string_view rest = gathered_;
  const auto all = static_cast<double>(gathered_.size());
  const double begin = begin_;
  while (!rest.empty()) {
    const std::string_view bytes = rest.substr(0, options_.piece_bytes);
    rest.remove_prefix(bytes.size());
    const double done = (all - static_cast<double>(rest.size())) / all;
    const double end = begin + (end_ - begin) * done;
    send_({{"index", index_++},
           {options_.field, base64(bytes)},
           {"content_type", mime_type(options_.encoding.format)},
           {"sample_rate", options_.encoding.sample_rate},
           {"format", format_name(options_.encoding.format)},
           {"start_seconds", rounded_seconds(begin_)},
           {"seconds", rounded_seconds(end - begin_)}});
    begin_ = end;
  }
  gathered_.clear();
}

}  // namespace echo
