#include "server/openai_speech.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>

#include "base/uuid.h"
#include "engine/window.h"
#include "speech/job_failure.h"
#include "speech/text_preview.h"
#include "text/planned_text.h"
#include "text/tokens.h"

namespace echo::server {
namespace {

constexpr double kSilenceSeconds = 0.5;
constexpr size_t kLongestWarning = 500;  // bytes of a header

// Plans the text; what is wrong with it is the fault of the field "input".
PlannedText planned(const SpeechOrder& order) {
  try {
    return plan_text(order.input, text_options_of(order.parameters));
  } catch (const Error& error) {
    throw OpenAiError(400, error.what(), "", "input");
  }
}

int64_t tokens_of(const PlannedText& plan) {
  int64_t tokens = 0;
  for (const PlannedChunk& chunk : plan.chunks) {
    tokens += static_cast<int64_t>(count_tokens(chunk.model_text));
  }
  return tokens;
}

}  // namespace

ReadySpeech ready_speech(SpeechOrder order, const SpeechOrderOptions& options,
                         const VoiceCatalog& voices) {
  ReadySpeech ready;
  std::string warning;
  try {
    ready.input.voice = voice_file(order.voice, options, voices, &warning);
  } catch (const OpenAiError&) {
    throw;
  } catch (const Error& error) {
    throw openai_error_of(std::make_exception_ptr(error));
  }
  if (!warning.empty()) order.warnings.push_back(warning);
  try {
    JobLimits limits;
    limits.max_text_chars = options.max_input_chars;
    ready.input.plan = plan_job_text(order.input, order.parameters, limits);
  } catch (const Error& error) {
    throw OpenAiError(400, error.what(), "", "input");
  }
  ready.silent = !ready.input.plan;
  if (ready.silent) {
    order.warnings.emplace_back("nothing to speak");
  } else {
    ready.input_tokens = tokens_of(*ready.input.plan);
  }
  ready.input.text = order.input;
  ready.input.parameters = order.parameters;
  ready.input.output = order.output;
  ready.input.session_id = random_uuid();
  ready.input.warnings = order.warnings;
  ready.audio.encoding = order.output;
  ready.audio.speed = order.speed;
  ready.audio.mode = order.streamed ? AudioEncoder::Mode::kStream : AudioEncoder::Mode::kWhole;
  ready.order = std::move(order);
  return ready;
}

Json preview_of(const SpeechOrder& order) {
  Json preview = preview_json(planned(order));
  for (const std::string& warning : order.warnings) preview["warnings"].push_back(warning);
  preview["ignored"] = order.ignored;
  return preview;
}

std::string header_text(const std::vector<std::string>& parts, std::string_view separator) {
  std::string text;
  for (const std::string& part : parts) {
    if (!text.empty()) text += separator;
    text += part;
  }
  if (text.size() > kLongestWarning) text.resize(kLongestWarning);
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) > 0x7E) c = '?';
  }
  return text;
}

std::vector<HttpHeader> speech_headers(const ReadySpeech& speech) {
  const EncodeOptions& output = speech.order.output;
  const std::string rate = std::to_string(output.sample_rate);
  std::string type(mime_type(output.format));
  if (output.format == AudioFormat::kPcm) type += "; rate=" + rate + "; channels=1";
  std::vector<HttpHeader> headers = {
      {"Content-Type", type},        {"Cache-Control", "no-store"},
      {"X-Accel-Buffering", "no"},   {"X-Content-Type-Options", "nosniff"},
      {"X-Audio-Sample-Rate", rate}, {"X-Echo-Seed", std::to_string(speech.order.parameters.seed)},
  };
  if (!speech.order.ignored.empty()) {
    headers.push_back({"X-Echo-Ignored", header_text(speech.order.ignored, ",")});
  }
  if (!speech.order.warnings.empty()) {
    headers.push_back({"X-Echo-Warning", header_text(speech.order.warnings, "; ")});
  }
  return headers;
}

std::string server_timing(const SpeechOpening& opening) {
  const auto part = [](const char* name, double seconds) {
    char text[48];
    std::snprintf(text, sizeof text, "%s;dur=%.1f", name, seconds * 1000);
    return std::string(text);
  };
  return part("queue", opening.queue) + ", " + part("text", opening.text) + ", " +
         part("voice", opening.voice) + ", " + part("first", opening.first);
}

std::string block_list(const std::vector<int64_t>& blocks) {
  std::string text;
  for (const int64_t frames : blocks) text += (text.empty() ? "" : ",") + std::to_string(frames);
  return text;
}

std::string silence_file(const ReadySpeech& speech) {
  AudioEncoder encoder(speech.order.output, speech.audio.mode, kModelRate);
  encoder.push(std::vector<float>(static_cast<size_t>(kSilenceSeconds * kModelRate)));
  encoder.finish();
  return encoder.take_bytes();
}

int64_t output_tokens(const SpeechSummary& speech) {
  constexpr double kFrameSamples = 2048;
  double frames = 0;
  for (const SpokenChunk& chunk : speech.chunks) {
    frames += std::round(chunk.seconds * kModelRate / kFrameSamples);
  }
  return std::llround(frames);
}

OpenAiError openai_error_of(const std::exception_ptr& failure) {
  const JobFailure why = failure_of(failure, {});
  if (why.kind == job_kind::kInvalidInput) return {400, why.text};
  if (why.kind == job_kind::kVoiceNotFound) return {404, why.text, "voice_not_found", "voice"};
  if (why.kind == job_kind::kVoiceUnusable) return {400, why.text, "unusable_audio", "voice"};
  if (why.kind == job_kind::kUnavailable) return {503, why.text, "server_busy"};
  if (why.kind == job_kind::kTimedOut) return {500, why.text, std::string(job_kind::kTimedOut)};
  if (why.kind == job_kind::kNoSpeech || why.kind == job_kind::kAudioRejected) {
    return {500, why.text, why.kind};  // and would be again
  }
  if (why.kind == job_kind::kCancelled) return {503, "The server is about to end.", "draining"};
  return {500, why.text, "internal"};
}

OpenAiError speech_timed_out(std::chrono::milliseconds limit) {
  return {500,
          "There was no speech within " + std::to_string(limit.count() / 1000) +
              " s, which is the limit.",
          std::string(job_kind::kTimedOut)};
}

}  // namespace echo::server
