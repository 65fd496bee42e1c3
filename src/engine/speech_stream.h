// A request's speech while it is being made.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <stop_token>
#include <vector>

#include "engine/speech_request.h"

namespace echo {

class SpeechPipe;

// Pulled: whoever wants to hear calls next(), on any one thread at a time; cancel() and progress()
// may be called from others. The engine never waits for the listener: while more than the request's
// unread_seconds are unread, it starts no further chunk of it. Destroying the stream of an
// unfinished request cancels it. May outlive the engine.
class SpeechStream {
 public:
  explicit SpeechStream(std::shared_ptr<SpeechPipe> pipe);
  ~SpeechStream();
  SpeechStream(SpeechStream&&) noexcept;
  SpeechStream& operator=(SpeechStream&&) noexcept;

  // Waits for the next samples: mono, kModelRate, finite, never empty, final. Returns nothing when
  // all have been returned. Throws what ended the request, once what came before it has been
  // returned; kCancelled after cancel(). A requested `stop` cancels the request.
  std::optional<std::vector<float>> next(std::stop_token stop = {});
  // Waits for at most `duration` and returns whether next() would return or throw at once.
  bool wait_for(std::chrono::milliseconds duration) const;

  // Returns the last step that was taken; all zeros before the first.
  SpeechProgress progress() const;

  // Ends the request: it leaves the device within a step of the sampler, or a piece of decoding. No
  // callback runs after this has returned, unless it is the callback that calls.
  void cancel();
  // Requested once the request has been cancelled, by whomever.
  std::stop_token cancelled() const;

  // Drops what has not been read, waits for the end, and returns how it went. Throws what ended the
  // request. A requested `stop` cancels it.
  SpeechSummary finish(std::stop_token stop = {});

  // Reads all that is left, then as finish().
  SpeechResult collect(std::stop_token stop = {});

 private:
  std::shared_ptr<SpeechPipe> pipe_;
};

}  // namespace echo
