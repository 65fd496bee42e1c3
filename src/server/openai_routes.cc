#include "server/openai_routes.h"

#include <array>
#include <utility>

#include "http/responses.h"
#include "net/url.h"
#include "server/openai_lookup.h"

namespace echo::server {
namespace {

constexpr size_t kMaxLookups = 256;  // requests that wait for the disk
constexpr std::array<std::string_view, 3> kPrefixes = {"/v1", "/openai/v1",
                                                       "/v2/{endpoint}/openai/v1"};

bool is_below(std::string_view path, std::string_view prefix) {
  return path.starts_with(prefix) && (path.size() == prefix.size() || path[prefix.size()] == '/');
}

std::string error_code(int status) {
  switch (status) {
    case 401:
      return "invalid_api_key";
    case 405:
      return "method_not_allowed";
    case 408:
      return "timeout";
    case 413:
      return "request_too_large";
    case 415:
      return "unsupported_media_type";
    case 500:
      return "internal";
    case 503:
      return "server_busy";
    default:
      return "";
  }
}

std::string error_message(int status) {
  switch (status) {
    case 401:
      return "A valid API key is needed: Authorization: Bearer KEY.";
    case 403:
      return "A request from a page of another site.";
    case 405:
      return "This method is not allowed here.";
    case 408:
      return "The request took too long to arrive.";
    case 413:
      return "The body is too large.";
    case 431:
      return "The headers are too large.";
    case 500:
      return "The request could not be handled.";
    case 503:
      return "The server is busy.";
    default:
      return "The request cannot be read.";
  }
}

}  // namespace

bool is_openai_path(std::string_view path) {
  if (is_below(path, "/v1") || is_below(path, "/openai/v1")) return true;
  if (!path.starts_with("/v2/")) return false;
  const size_t end = path.find('/', 4);
  return end != std::string_view::npos && is_below(path.substr(end), "/openai/v1");
}

OpenAiError openai_refusal(int status, std::string_view method, std::string_view path) {
  if (status == 404) return unknown_url(method, path);
  return {status, error_message(status), error_code(status)};
}

OpenAiRoutes::OpenAiRoutes(OpenAiOptions options, SpeechQueue& queue, Metrics* metrics)
    : options_(std::move(options)),
      queue_(queue),
      metrics_(metrics),
      budget_(options_.waiting_bytes),
      voices_({options_.public_lists, options_.voice_uploads, options_.voice_bytes},
              options_.orders, lookups_),
      lookups_(kMaxLookups) {}

OpenAiRoutes::~OpenAiRoutes() = default;

void OpenAiRoutes::add_to(http::Router& router) {
  const auto add = [&](const char* method, const std::string& pattern, Handle handle, bool list) {
    http::Route route{method, pattern,
                      openai_handler([this, handle](http::Call&& call) { (this->*handle)(call); })};
    route.body_limit = options_.body_limit;
    route.open = list && options_.public_lists;
    router.add(std::move(route));
  };
  for (const std::string_view prefix : kPrefixes) {
    const std::string base(prefix);
    add("POST", base + "/audio/speech", &OpenAiRoutes::speech, false);
    add("POST", base + "/audio/preview", &OpenAiRoutes::preview, false);
    add("GET", base + "/models", &OpenAiRoutes::models, true);
    // A model's name may have a slash: "jordand/echo-tts-base".
    add("GET", base + "/models/{model*}", &OpenAiRoutes::model, false);
    add("GET", base + "/audio/models", &OpenAiRoutes::audio_models, true);
    voices_.add_to(router, base);
  }
}

void OpenAiRoutes::set_ready(LiveSpeech& speech, VoiceUploads* uploads) {
  voices_.set_ready(speech.voices().directory(), uploads);
  speech_ = &speech;
}

LiveSpeech& OpenAiRoutes::ready() const {
  LiveSpeech* speech = speech_;
  if (speech == nullptr) throw still_loading();
  return *speech;
}

void OpenAiRoutes::speech(const http::Call& call) {
  const std::string_view type = call.request.header("Content-Type").value_or("");
  if (type.starts_with("multipart/")) {
    throw OpenAiError(415, "The body is a form, expected JSON.", "unsupported_media_type");
  }
  // What cannot be is refused even while the model, which has the defaults, is being loaded.
  const LiveSpeech* known = speech_;
  SpeechOrder order = parse_speech_order(call.request.body, options_.orders,
                                         known ? known->defaults() : SpeechParameters());
  ready();
  queue_.check_room();
  const bool taken = lookups_.post([this, order = std::move(order), call]() mutable {
    try {
      begin(std::move(order), call);
    } catch (const OpenAiError& error) {
      call.reply.send(error.response());
    } catch (...) {
      call.reply.send(openai_error_of(std::current_exception()).response());
    }
  });
  if (!taken) throw OpenAiError(503, error_message(503), "server_busy");
}

void OpenAiRoutes::begin(SpeechOrder order, const http::Call& call) {
  LiveSpeech& speech = ready();
  const auto answer =
      std::make_shared<OpenAiAnswer>(ready_speech(std::move(order), options_.orders, catalog()),
                                     call, options_.answers, budget_, metrics_);
  if (answer->silent()) {
    answer->begin();
    return answer->answer_silence();
  }
  SpeechWork work;
  work.run = [answer, &speech](const std::stop_token& stop, double queue_seconds) {
    answer->run(speech, stop, queue_seconds);
  };
  work.refuse = [answer](const OpenAiError& error) { answer->refuse(error); };
  work.gone = answer->gone();
  queue_.submit(std::move(work));
  answer->begin();
}

void OpenAiRoutes::preview(const http::Call& call) {
  const LiveSpeech* speech = speech_;
  const SpeechParameters defaults = speech ? speech->defaults() : parameters_of(Profile::kNatural);
  answer_later(lookups_, call.reply,
               [order = parse_speech_order(call.request.body, options_.orders, defaults)] {
                 return http::json_response(200, preview_of(order));
               });
}

void OpenAiRoutes::models(const http::Call& call) {
  call.reply.send(http::json_response(200, models_json(options_.orders)));
}

void OpenAiRoutes::model(const http::Call& call) {
  call.reply.send(http::json_response(
      200, model_json(percent_decode(call.parameter("model")), options_.orders)));
}

void OpenAiRoutes::audio_models(const http::Call& call) {
  call.reply.send(http::json_response(200, audio_models_json(options_.orders)));
}

}  // namespace echo::server
