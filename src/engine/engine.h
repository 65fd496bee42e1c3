// Text and a voice become speech: the whole model behind one class.
//
//   const auto engine = Engine::load({.files = find_model_files("models")});
//   SpeechRequest request{.text = "Hello."};
//   request.voice = voice_of_samples(load_voice("anna.wav").samples);
//   request.delivery = SpeechDelivery::kInOrder;  // somebody listens
//   SpeechStream stream = engine->start(std::move(request));
//   while (const auto samples = stream.next()) play(*samples);  // as soon as they are final
//   std::printf("%.1f s\n", stream.finish().seconds());
//
// Without a listener: engine->speak(request).samples.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "checkpoint/limits.h"
#include "checkpoint/model_files.h"
#include "engine/device.h"
#include "engine/noise.h"
#include "engine/precision.h"
#include "engine/speech_request.h"
#include "engine/speech_stream.h"

namespace echo {

class Bell;
class EngineCore;
struct SpeechTask;

struct EngineOptions {
  ModelFiles files;
  DeviceOptions device;
  Precision precision = Precision::kAuto;        // of the transformer
  Precision codec_precision = Precision::kAuto;  // of the codec; not int8, not fp8
  // How many of the transformer's last blocks stay bfloat16 with int8 and fp8: the activations of a
  // trained model have their outliers there.
  int64_t wide_blocks = 4;
  NoiseKind noise = NoiseKind::kCuda;
  // Allow what block_sizes needs, where the checkpoint has it; it is loaded when first used.
  bool blockwise = true;
  // Told, by the thread that loads, when the files are open and checked ("map") and when the
  // weights are packed ("load").
  std::function<void(const std::string& stage)> stage_done;

  // What is not given follows from the device's memory, see make_plan().
  std::optional<size_t> voice_cache_bytes, schedule_cache_bytes;
  uint64_t memory_bytes = 0;          // of the device that may be taken; 0: all there is
  std::filesystem::path voice_store;  // folder of encoded voices; empty: none
  size_t voice_store_bytes = size_t{1} << 30;

  size_t queue_capacity = 64;      // requests that wait; more are refused
  size_t max_requests = 0;         // that run at a time; 0: as the device gains from, 4 at least
  int64_t max_text_chars = 20000;  // of one request, code points

  // Frames of a reference that are encoded at a time; the result depends on it.
  int64_t speaker_chunk_frames = kMaxLatentFrames;
};

struct EngineInfo {
  std::string device;     // "cpu"
  std::string precision;  // of the transformer: "float32", "bfloat16", "int8", "fp8"
  std::string codec_precision;
  std::string noise;        // "cuda", "cpu"
  bool blockwise = false;   // whether block_sizes may name several blocks
  uint64_t file_bytes = 0;  // of the checkpoints
  uint64_t read_bytes = 0;  // of them that loading needed
  int64_t batch_width = 1;  // trajectories that gain from advancing together
  size_t max_requests = 0;
  std::vector<std::string> plan;  // the choices made for this device, with their reasons
};

struct EngineStatus {
  size_t waiting = 0;  // requests
  size_t running = 0;
  size_t trajectories = 0;
  size_t voices = 0;  // in memory
  size_t voice_bytes = 0;
  MemoryUse memory;  // of the device
};

// Any thread may call any function at any time. The device is driven by one thread of the engine's
// own.
class Engine {
 public:
  // Reads the checkpoints, packs the weights and returns the engine that has them. Throws kNotFound
  // and kCorrupt for files, kInvalidArgument for options, kUnavailable for the device.
  static std::unique_ptr<Engine> load(const EngineOptions& options);
  // Answers running and waiting requests as cancelled; returns within a step.
  ~Engine();

  // Checks the request and finds its voice on the calling thread, then queues it. Returns the
  // stream that gives its samples while they are made. Throws kInvalidArgument for text, parameters
  // or voice, kUnavailable when the queue is full, and what the voice's loader throws.
  SpeechStream start(SpeechRequest request, SpeechCallbacks callbacks = {});

  // Starts the request and returns all of its speech; cancels it when `stop` is requested. Throws
  // as start() and SpeechStream::next() do.
  SpeechResult speak(SpeechRequest request, SpeechCallbacks callbacks = {},
                     std::stop_token stop = {});

  // Drops what was made of the voice of that key, in memory and in the store. Requests that have it
  // go on. Never throws: what cannot be removed from the store stays there.
  void forget_voice(const std::string& key);

  // Returns what was loaded, which never changes.
  const EngineInfo& info() const { return info_; }
  // Returns what the engine is at now.
  EngineStatus status() const;

 private:
  Engine(const EngineOptions& options, std::unique_ptr<EngineCore> core);
  void run(std::stop_token stop);

  const EngineOptions options_;
  const std::unique_ptr<EngineCore> core_;
  EngineInfo info_;

  const std::shared_ptr<Bell> bell_;  // wakes the device's thread
  mutable std::mutex mutex_;
  std::deque<SpeechTask> queue_;
  bool stopping_ = false;
  size_t running_ = 0;
  size_t trajectories_ = 0;
  std::jthread thread_;  // last: it uses all of the above
};

}  // namespace echo
