// Streamed audio as the pieces of a job's output: one container over all of them.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "audio/format.h"
#include "base/clock.h"
#include "base/json.h"

namespace echo {

struct SpeechPieceOptions {
  EncodeOptions encoding;
  std::string field = "audio";  // where a piece holds its base64
  // Bytes of audio in a piece at most: platforms refuse pieces that are much larger.
  size_t piece_bytes = 196'608;
  // After the first piece, bytes are gathered for so long: each piece is a request to the platform.
  std::chrono::milliseconds gather{500};
};

// {"index", "audio", "content_type", "sample_rate", "format", "start_seconds", "seconds"}, and at
// the end {"index", "final": true, "metadata"}. Used by one thread.
class SpeechPieces {
 public:
  using Send = std::function<void(const Json& piece)>;  // may wait, and may throw

  SpeechPieces(SpeechPieceOptions options, Send send, Clock& clock = real_clock())
      : options_(std::move(options)), send_(std::move(send)), clock_(clock) {}

  // Adds bytes; with them, the sound up to `seconds` from the beginning has left the encoder.
  void add(std::string_view bytes, double seconds);
  // Sends what is left, and the last piece.
  void finish(const Json& metadata);

 private:
  void send_gathered();

  const SpeechPieceOptions options_;
  const Send send_;
  Clock& clock_;
  std::string gathered_;
  double begin_ = 0, end_ = 0;  // seconds: of what was sent, of what was gathered
  int64_t index_ = 0;
  std::optional<std::chrono::steady_clock::time_point> last_;
};

}  // namespace echo
