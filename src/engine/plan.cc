#include "engine/plan.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "audio/voice.h"
#include "base/error.h"
#include "base/units.h"
#include "checkpoint/limits.h"
#include "text/tokens.h"

namespace echo {

// Folders that may not know the model have its limits by themselves.
static_assert(kMaxTextTokens == kMaxTextRows);
static_assert(kModelRate == kSampleRate);

namespace {

constexpr uint64_t kMegabyte = uint64_t{1} << 20;
// A backend's own: libraries, code, fragmentation.
constexpr uint64_t kGpuOverhead = 600 * kMegabyte;
constexpr uint64_t kCpuOverhead = 300 * kMegabyte;
constexpr int64_t kTypicalVoiceFrames = 640;  // half a minute
constexpr uint64_t kMinVoiceCache = 64 * kMegabyte, kMaxVoiceCache = 2048 * kMegabyte;
constexpr uint64_t kMinScheduleCache = 64 * kMegabyte, kMaxScheduleCache = 256 * kMegabyte;

uint64_t value_bytes(Precision precision) { return precision == Precision::kFloat32 ? 4 : 2; }

uint64_t dit_bytes(const PlanModel& model, Precision precision) {
  const bool quantized = precision == Precision::kInt8 || precision == Precision::kFloat8;
  const uint64_t wide = quantized ? model.dit_wide_values : model.dit_values;
  return wide * value_bytes(precision) + (model.dit_values - wide);
}

// A processor without matmuls of 8 bits computes as if nobody had asked for them.
bool lacks_int8(const PlanDevice& device, const PlanModel& model, const PlanRequest& request) {
  return device.name == "cpu" && !device.int8 &&
         (request.precision == Precision::kInt8 ||
          (request.precision == Precision::kAuto && model.dit_int8));
}

// Whether the request decides the transformer's precision.
bool is_set(const PlanDevice& device, const PlanModel& model, const PlanRequest& request) {
  return request.precision != Precision::kAuto && !lacks_int8(device, model, request);
}

// Precisions from the one that is wanted to the smallest that may be taken instead.
std::vector<Precision> dit_choices(const PlanDevice& device, const PlanModel& model,
                                   const PlanRequest& request) {
  if (is_set(device, model, request)) return {request.precision};
  if (model.dit_int8 && device.int8) return {Precision::kInt8};
  if (!model.dit_bfloat16) return {Precision::kFloat32};
  std::vector<Precision> choices{device.bfloat16 ? Precision::kBFloat16 : Precision::kFloat32};
  if (device.int8) choices.push_back(Precision::kInt8);
  return choices;
}

std::vector<Precision> codec_choices(const PlanDevice& device, const PlanModel& model,
                                     const PlanRequest& request) {
  if (request.codec_precision != Precision::kAuto) return {request.codec_precision};
  if (!device.bfloat16) return {Precision::kFloat32};
  // A model of float32 throughout is computed so.
  if (device.name != "cpu" && model.dit_bfloat16) return {Precision::kBFloat16};
  if (model.codec_bfloat16) return {Precision::kBFloat16};
  if (!model.dit_bfloat16) return {Precision::kFloat32};
  return {Precision::kFloat32, Precision::kBFloat16};
}

const char* name_of(Precision precision) {
  switch (precision) {
    case Precision::kFloat32:
      return "float32";
    case Precision::kBFloat16:
      return "bf16";
    case Precision::kInt8:
      return "int8";
    case Precision::kFloat8:
      return "fp8";
    case Precision::kAuto:
      break;
  }
  return "auto";
}

uint64_t value_count(const std::vector<int64_t>& shape) {
  int64_t count = 1;
  for (const int64_t extent : shape) count *= extent;
  return static_cast<uint64_t>(count);
}

template <class T>
T clamped(uint64_t value, T least, T most) {
  return static_cast<T>(std::clamp<uint64_t>(value, least, most));
}

}  // namespace

Plan make_plan(const PlanDevice& device, const PlanModel& model, const PlanRequest& request) {
  Plan plan;
  const bool forced_memory = request.memory_bytes > 0;
  const uint64_t memory = forced_memory ? request.memory_bytes : device.memory_bytes;
  const uint64_t fixed =
      model.workspace_bytes + (device.name == "cpu" ? kCpuOverhead : kGpuOverhead);
  const auto say = [&](const std::string& line) { plan.reasons.push_back(line); };

  // The first combination that fits; the codec gives way before the transformer.
  const std::vector<Precision> dits = dit_choices(device, model, request);
  const std::vector<Precision> codecs = codec_choices(device, model, request);
  bool fits = false;
  for (const Precision dit : dits) {
    for (const Precision codec : codecs) {
      if (fits) break;
      plan.precision = dit;
      plan.codec_precision = codec;
      plan.weight_bytes = dit_bytes(model, dit) + model.codec_values * value_bytes(codec);
      plan.needed_bytes = plan.weight_bytes + fixed + model.trajectory_bytes;
      fits = memory == 0 || plan.needed_bytes <= memory;
    }
  }
  const std::string memory_text =
      memory == 0 ? std::string("memory not known, taken for enough")
                  : gigabytes(memory) + (forced_memory ? " (set)" : "") + " of memory";
  if (!fits) {
    throw_unavailable("the model does not fit on " + device.name + ": found " + gigabytes(memory) +
                      " of memory, expected " + gigabytes(plan.needed_bytes) +
                      " for the transformer in " + name_of(plan.precision) +
                      " and the codec in " + name_of(plan.codec_precision) +
                      (device.name == "cpu" || device.int8 || request.precision != Precision::kAuto
                           ? std::string()
                           : "; this backend keeps no int8 weights"));
  }
  say("device " + device.name + ", " + memory_text + ": weights " + gigabytes(plan.weight_bytes) +
      ", needed in all " + gigabytes(plan.needed_bytes));
  const auto why = [](bool forced, bool first, const char* usual) {
    return forced ? "set" : first ? usual : "what is preferred does not fit";
  };
  say(std::string("transformer in ") + name_of(plan.precision) + ": " +
      why(is_set(device, model, request), plan.precision == dits.front(),
          lacks_int8(device, model, request)
              ? model.dit_int8 && request.precision == Precision::kAuto
                    ? "packed in int8, which needs AVX-512 VNNI, which this processor does not have"
                    : "int8 was asked for, and needs AVX-512 VNNI, which this processor does not "
                      "have"
          : model.dit_int8                         ? "packed so"
          : model.dit_bfloat16 && !device.bfloat16 ? "no fast bf16 here"
                                                   : "as stored"));
  say(std::string("codec in ") + name_of(plan.codec_precision) + ": " +
      why(request.codec_precision != Precision::kAuto, plan.codec_precision == codecs.front(),
          plan.codec_precision == Precision::kBFloat16 && !model.codec_bfloat16
              ? "as published on a GPU"
              : "as stored"));

  const uint64_t spare = memory == 0 ? 0 : memory - plan.needed_bytes;
  plan.batch_width = device.batch_width;
  if (memory > 0 && model.trajectory_bytes > 0) {
    // Half of what is left is for trajectories beside the first.
    const auto room = static_cast<int64_t>(spare / 2 / model.trajectory_bytes) + 1;
    plan.batch_width = std::min(plan.batch_width, room);
  }
  if (request.batch_width > 0) plan.batch_width = request.batch_width;
  say("batch width " + std::to_string(plan.batch_width) + ": " +
      (request.batch_width > 0                 ? "set"
       : plan.batch_width < device.batch_width ? "as memory allows"
                                               : "as the device gains from"));
  const uint64_t extra = static_cast<uint64_t>(plan.batch_width - 1) * model.trajectory_bytes;
  // The blockwise part comes when it is used first.
  const uint64_t kept = extra + model.blockwise_values * value_bytes(plan.precision);
  const uint64_t rest = spare > kept ? spare - kept : 0;
  plan.voice_cache_bytes = request.voice_cache_bytes.value_or(
      memory == 0 ? 512 * kMegabyte : clamped<size_t>(rest / 4, kMinVoiceCache, kMaxVoiceCache));
  plan.schedule_cache_bytes = request.schedule_cache_bytes.value_or(
      memory == 0 ? kMaxScheduleCache
                  : clamped<size_t>(rest / 16, kMinScheduleCache, kMaxScheduleCache));
  say("voices " + std::to_string(plan.voice_cache_bytes / kMegabyte) +
      " MiB: " + (request.voice_cache_bytes ? "set" : "a quarter of what is left, within limits") +
      "; schedules " + std::to_string(plan.schedule_cache_bytes / kMegabyte) + " MiB");
  return plan;
}

bool stays_wide(const EchoDitConfig& dit, const std::string& name, int64_t wide_blocks) {
  if (!name.starts_with("blocks.")) return name.find("encoder.blocks.") == std::string::npos;
  if (name.find("_adaln.") != std::string::npos) return true;
  return std::stoll(name.substr(std::strlen("blocks."))) >= dit.num_layers - wide_blocks;
}

PlanModel plan_model(const EchoDitConfig& dit, const S1DacConfig& codec, int64_t wide_blocks) {
  PlanModel model;
  EchoDitConfig base = dit;
  base.blockwise = false;
  for (const TensorSpec& spec : echo_dit_layout(base)) {
    const uint64_t count = value_count(spec.shape);
    model.dit_values += count;
    if (stays_wide(dit, spec.name, wide_blocks)) model.dit_wide_values += count;
  }
  if (dit.blockwise) {
    for (const TensorSpec& spec : echo_dit_layout(dit))
      model.blockwise_values += value_count(spec.shape);
    model.blockwise_values -= model.dit_values;
  }
  for (const TensorSpec& spec : s1_dac_layout(codec)) model.codec_values += value_count(spec.shape);

  // Three sequences of the longest window: residual stream in float32, about eight rows of the
  // model's width and three of the inner one in bfloat16; keys and values of text and voice for
  // each layer.
  const int64_t sequences = 3 * kMaxLatentFrames;
  const int64_t activations =
      sequences * (dit.model_size * (4 + 8 * 2) + dit.intermediate_size * 3 * 2);
  const int64_t context =
      2 * kMaxTextRows + kTypicalVoiceFrames / std::max<int64_t>(1, dit.speaker_patch_size);
  const int64_t keys_values = dit.num_layers * 2 * context * dit.model_size * 2;
  model.trajectory_bytes = static_cast<uint64_t>(activations + keys_values);
  // Decoding sixty-four frames at the widest place, in float32, and a schedule of forty steps.
  const int64_t tile = 64 * codec.frame_samples() * codec.decoder_dim / 8;
  const int64_t schedule = 40 * dit.num_layers * 6 * dit.model_size * 4;
  model.workspace_bytes = static_cast<uint64_t>(tile * 4 + schedule);
  return model;
}

}  // namespace echo
