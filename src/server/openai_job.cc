#include "server/openai_job.h"

#include <chrono>
#include <utility>

#include "base/digest.h"
#include "net/url.h"
#include "server/openai_events.h"
#include "speech/job_failure.h"
#include "speech/whole_audio.h"

namespace echo::server {
namespace {

struct JobRequest {
  std::string method, path;
  Json body;
};

std::string text_of(const Json& input, const char* name) {
  const auto found = input.find(name);
  return found != input.end() && found->is_string() ? found->get<std::string>() : "";
}

JobRequest request_of(const Json& input) {
  const bool openai = input.contains("openai_route");
  JobRequest request;
  request.path = text_of(input, openai ? "openai_route" : "route");
  const auto body = input.find(openai ? "openai_input" : "body");
  if (body != input.end()) request.body = *body;
  request.method = text_of(input, openai ? "openai_method" : "method");
  if (request.method.empty()) request.method = request.body.is_null() ? "GET" : "POST";
  request.path = request.path.substr(0, request.path.find('?'));
  if (!request.path.starts_with('/')) request.path.insert(0, "/");
  for (const std::string_view prefix : {"/openai/v1/", "/v1/"}) {
    if (request.path.starts_with(prefix)) {
      request.path.erase(0, prefix.size());
      return request;
    }
  }
  throw unknown_url(request.method, request.path);
}

class OpenAiJob {
 public:
  OpenAiJob(LiveSpeech& speech, const Job& job, JobContext& context,
            const OpenAiJobOptions& options)
      : speech_(speech), job_(job), context_(context), options_(options) {}

  Json answer() {
    const JobRequest request = request_of(job_.input());
    const VoiceCatalog voices(speech_.voices().directory());
    const bool get = request.method == "GET";
    if (request.path == "audio/speech") {
      if (request.method != "POST") throw openai_refusal(405, request.method, request.path);
      return speak(ready_speech(
          parse_speech_order(dump_json(request.body), options_.orders, speech_.defaults()),
          options_.orders, voices));
    }
    if (get && request.path == "models") return models_json(options_.orders);
    if (get && request.path == "audio/models") return audio_models_json(options_.orders);
    if (get && (request.path == "audio/voices" || request.path == "voices")) {
      return voices_json(voices.list());
    }
    if (get && request.path.starts_with("models/")) {
      return model_json(percent_decode(request.path.substr(7)), options_.orders);
    }
    throw unknown_url(request.method, request.path);
  }

 private:
  Json speak(const ReadySpeech& ready) {
    if (ready.order.events) return speak_events(ready);
    WholeAudio spoken(ready.input);
    SpokenAudioOptions audio = ready.audio;
    spoken.receive(audio);
    const std::string silence = ready.silent ? silence_file(ready) : "";
    if (!ready.silent) run(ready, audio, spoken.sink());
    const std::string_view file = ready.silent ? std::string_view(silence) : spoken.bytes();
    const std::string type = speech_headers(ready).front().value;
    Json answer = {{"content_type", type}, {"size_bytes", file.size()}};
    if (file.size() <= options_.inline_bytes) {
      answer["data_b64"] = base64(file);
    } else if (options_.store) {
      const std::string suffix(format_name(ready.order.output.format));
      answer["url"] =
          options_.store(ready.input.session_id + "." + suffix, file, type, context_.stop_token());
    } else {
      throw OpenAiError(500,
                        "The audio has " + std::to_string(file.size()) +
                            " bytes, and no storage is configured for so many.",
                        "internal");
    }
    return answer;
  }

  Json speak_events(const ReadySpeech& ready) {
    const auto send = [&](std::string_view bytes) {
      while (!bytes.empty()) {
        const std::string_view piece = bytes.substr(0, options_.event_bytes);
        context_.stream(delta_event(piece));
        bytes.remove_prefix(piece.size());
      }
      return true;
    };
    int64_t spoken = 0;
    try {
      if (ready.silent) {
        send(silence_file(ready));
      } else {
        spoken = output_tokens(run(ready, ready.audio, send));
      }
      context_.stream(done_event(ready.input_tokens, spoken));
    } catch (const std::exception&) {
      if (context_.stop_token().stop_requested()) throw;
      context_.stream(error_event(openai_error_of(std::current_exception())));
    }
    return nullptr;
  }

  SpeechSummary run(const ReadySpeech& ready, const SpokenAudioOptions& audio, const ByteSink& sink) {
    LiveListener listener;
    listener.sink = sink;
    listener.step = [this] { context_.sign_of_life(); };
    listener.stop = context_.stop_token();
    listener.queue_seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - job_.received).count();
    listener.scope = {job_.id(), job_.batch_id()};
    return speech_.speak(ready.input, audio, "openai", listener);
  }

  LiveSpeech& speech_;
  const Job& job_;
  JobContext& context_;
  const OpenAiJobOptions& options_;
};

}  // namespace

bool is_openai_job(const Job& job) {
  const Json& input = job.input();
  if (!input.is_object()) return false;
  return !text_of(input, "openai_route").empty() || !text_of(input, "route").empty();
}

JobOutcome run_openai_job(LiveSpeech& speech, const Job& job, JobContext& context,
                          const OpenAiJobOptions& options) {
  const auto failed = [](const OpenAiError& error) -> JobOutcome {
    return JobResult{Json{{"error", error.json()}}, {}, /*verbatim=*/true};
  };
  try {
    return JobResult{OpenAiJob(speech, job, context, options).answer(), {}, /*verbatim=*/true};
  } catch (const OpenAiError& error) {
    return failed(error);
  } catch (...) {
    // The platform has ended the job, and says so itself.
    const JobFailure failure = failure_of(std::current_exception(), {});
    if (failure.fatal || failure.kind == job_kind::kCancelled) return failure;
    return failed(openai_error_of(std::current_exception()));
  }
}

}  // namespace echo::server
