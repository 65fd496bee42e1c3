// A request on its way through the device.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "audio/join.h"
#include "engine/noise.h"
#include "engine/speech_request.h"
#include "engine/trajectory.h"
#include "engine/voice_cache.h"
#include "engine/voice_store.h"
#include "models/codec.h"
#include "models/speaker_latent.h"
#include "text/plan.h"

namespace echo {

// What all requests share. References outlive every job.
struct SpeechModels {
  Backend& backend;
  const EchoDit& dit;
  const Codec& codec;
  VoiceCache& voices;
  const VoiceStore& voice_store;
  NoiseKind noise = NoiseKind::kCuda;
  SpeakerLatentOptions speaker_latent;
  int64_t batch_width = 0;  // trajectories that advance together; 0: as the backend gains from
};

// A request after everything that needs no device: checked, planned, its voice found or loaded.
struct PreparedSpeech {
  std::vector<TextChunk> chunks;
  SpeechParameters parameters;
  std::vector<std::string> warnings;
  bool has_voice = false;
  std::string voice_key;
  std::shared_ptr<const EncodedVoice> voice;  // when it was in memory
  std::vector<float> voice_latents;           // else, when it was on disk
  std::vector<float> voice_samples;           // else
  std::chrono::steady_clock::time_point submitted;
};

// Chunks become trajectories, trajectories latents, latents samples, samples one recording. Used by
// the device's thread alone, which calls each function when it has time for that piece of work.
// What a function throws ends the job and concerns no other.
//
// A block's latents are final when the block has been sampled. What is certain to be kept of them
// is decoded then, while the next block is sampled: the first samples come after one block, not
// after all. Pieces of decoding end where a stretch of certain frames ends, whenever they are
// decoded, so the samples do not depend on what else is running.
class SpeechJob {
 public:
  // cancelled is asked within long pieces of work.
  SpeechJob(const SpeechModels& models, PreparedSpeech prepared, SpeechCallbacks callbacks,
            std::function<bool()> cancelled);

  // First: the voice's keys and values. Errors: kCancelled, kInvalidArgument for a recording that
  // is too short.
  void encode_voice();

  // The next chunk's trajectory, owned by the job; null when all have been started.
  Trajectory* start_chunk();
  bool has_waiting_chunk() const { return next_start_ < prepared_.chunks.size(); }
  // Started and not finished.
  std::vector<Trajectory*> running() const;

  // Takes the trajectory's step with its velocities. `seconds`: what computing them took.
  void apply(Trajectory& trajectory, const Tensor& v, double seconds);

  // Decodes the next piece of the first chunk that is not decoded; false when none is ready.
  bool decode_piece();

  bool finished() const { return next_decode_ == chunks_.size(); }
  // Once finished.
  SpeechResult take_result();

 private:
  struct Chunk {
    int64_t index = 0;
    uint64_t seed = 0;
    std::unique_ptr<Trajectory> trajectory;  // while it runs
    Tensor latent;                           // the frames to keep, as far as they are certain
    std::deque<int64_t> stretches;           // frames that were certain after each block, undecoded
    bool sampled = false;                    // all frames to keep are there
  };
  struct Decoding {
    Codec::Decoder decoder;
    int64_t next_frame = 0;
    Samples samples;  // of the stretch that is being decoded
  };

  // The chunk's latents that are final. Errors: kInternal for values that are not finite.
  std::vector<float> final_values(const Chunk& chunk) const;
  void keep_certain(Chunk& chunk);
  void finish_sampling(Chunk& chunk);
  void finish_stretch(Chunk& chunk);
  void give_out(const Samples& samples);
  void report(const Chunk& chunk);

  const SpeechModels& models_;
  PreparedSpeech prepared_;
  SpeechCallbacks callbacks_;
  CodecHooks hooks_;
  std::shared_ptr<const EncodedVoice> voice_;
  std::vector<Chunk> chunks_;
  size_t next_start_ = 0;
  size_t next_decode_ = 0;
  std::unique_ptr<Decoding> decoding_;
  ChunkJoiner joiner_;
  SpeechResult result_;
};

}  // namespace echo
