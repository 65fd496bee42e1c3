// A request on its way through the device. For the files of this folder only.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/chunk_attempt.h"
#include "engine/recording.h"
#include "engine/speech_pipe.h"
#include "engine/speech_task.h"
#include "engine/strand_run.h"

namespace echo {

// Chunks are attempted, judged, attempted again or kept, and joined into one recording that flows
// into the request's pipe as it becomes final. Used by the device's thread alone, which calls each
// function when it has time for that piece of work. What a function throws ends the job and
// concerns no other.
class SpeechJob {
 public:
  // `stop` ends long pieces of work with kCancelled.
  SpeechJob(const SpeechModels& models, SpeechTask task, std::stop_token stop);

  SpeechPipe& pipe() const { return *pipe_; }

  // First: the voice's keys and values. Errors: kCancelled, kInvalidArgument for a recording that
  // is too short.
  void encode_voice();

  // Starts sampling the next chunk, or the next attempt at one; only when can_start_chunk().
  void start_chunk();
  // Whether there is such a chunk, and it need not wait for another or for the listener.
  bool can_start_chunk() const { return next_to_start().has_value(); }
  // Started and not finished.
  std::vector<Trajectory*> running() const;

  // Takes the trajectory's step with its velocities. `seconds`: what computing them took.
  void apply(Trajectory& trajectory, const Tensor& v, double seconds);

  // Decodes a piece of the first chunk that has one, and gives out what has become final; false
  // when there is none.
  bool decode_piece();

  bool finished() const { return next_out_ == chunks_.size(); }
  // Once finished. Throws kUnavailable when the model gave no sample at all, or silence in every
  // take.
  SpeechSummary take_summary();

 private:
  // Another attempt may do better than this one, which is kept until then.
  struct KeptTake {
    std::unique_ptr<ChunkAttempt> attempt;
    Samples samples;
    ChunkVerdict verdict;
  };
  struct Chunk {
    int64_t index = 0;
    int64_t attempts = 0;                   // started
    std::unique_ptr<ChunkAttempt> attempt;  // that is being made, or has been kept
    Samples samples;                        // of it, as far as it is decoded
    size_t given = 0;                       // of them, into the recording
    std::optional<KeptTake> best;           // of the attempts before it
    bool flows = false;                     // its samples may be given out as they are decoded
    bool kept = false;                      // it is decoded and judged
    std::vector<std::string> warnings;
    std::vector<std::string> reasons, retake_reasons;
    std::chrono::steady_clock::time_point started = {};  // the attempt
    bool too_late = false;                               // another take would have come too late
    // In a strand: what it is made of, and how many chunks before it the attempt hears.
    std::vector<PlannedChunk> parts = {};
    size_t most_heard = SIZE_MAX, heard = 0;
    bool hardly_spoke = false;    // the last take that was not kept: less than any word lasts
    std::vector<int64_t> blocks;  // in which it is sampled
    int64_t prefix_frames = 0;
    const char* joined = "first";
    bool ends_strand = false;
    int64_t new_frames = 0;  // that are kept of it
  };

  std::optional<size_t> next_to_start() const;
  // So much is sampled and waits to be decoded, and takes memory meanwhile, that no more is
  // sampled.
  bool decoding_lags() const;
  bool in_strands() const { return prepared_.parameters.continuity != Continuity::kNone; }
  // Whether the chunk after this one goes on in the same strand.
  bool strand_goes_on(size_t index) const;
  // What the chunk is given of those before it: sets text, continuation and the window.
  // Returns the text.
  std::string continue_strand(Chunk& chunk, Conditions& conditions, SamplerParameters& parameters,
                              bool automatic);
  // Makes a chunk of as many of the parts that follow as there is room for.
  void form_chunk(size_t index);
  // Makes two of a chunk that does not come to an end.
  void divide_chunk(size_t index);
  void number_chunks();
  // In which blocks a chunk of so many frames is to be sampled.
  std::vector<int64_t> blocks_of(const SamplerParameters& parameters) const;
  // Settles the pause before the chunk and where it ends, and what the next is given.
  void add_to_strand(Chunk& chunk);
  // Runs a piece of a chunk's work; an error names the chunk.
  static void in_chunk(const Chunk& chunk, const std::function<void()>& work);
  void report(const Chunk& chunk);
  void judge(Chunk& chunk);
  ChunkVerdict ask_judge(const Chunk& chunk) const;
  // Notes in the chunk when only time forbids it.
  bool may_retake(Chunk& chunk) const;
  static void note_retake(Chunk& chunk, const ChunkVerdict& verdict);
  // Makes way for another attempt.
  static void drop_attempt(Chunk& chunk);
  static void keep(Chunk& chunk, const ChunkVerdict& verdict);
  // Lets flow into the recording what may: chunks in their order.
  void give_out();
  void finish_chunk(Chunk& chunk);
  Recording::Boundary boundary_after(size_t index) const;

  const SpeechModels& models_;
  PreparedSpeech prepared_;
  std::shared_ptr<SpeechPipe> pipe_;
  CodecHooks hooks_;
  std::shared_ptr<const EncodedVoice> voice_;
  std::vector<Chunk> chunks_;
  size_t next_out_ = 0;  // the chunk whose samples come next
  double fraction_ = 0;  // of all steps, as told
  uint64_t given_samples_ = 0;
  std::optional<std::chrono::steady_clock::time_point> heard_since_;  // its first samples are out
  Recording recording_;
  StrandRun strand_;
  Tensor own_voice_;  // without a voice: the first chunk's rows
  SpeechSummary summary_;
};

}  // namespace echo
