#include "server/voice_routes.h"

#include <fcntl.h>

#include <array>
#include <optional>
#include <utility>

#include "base/ascii.h"
#include "base/system_memory.h"
#include "http/multipart.h"
#include "http/responses.h"
#include "server/file_answer.h"
#include "server/openai_lists.h"
#include "server/openai_lookup.h"
#include "server/openai_speech.h"
#include "speech/unicode_name.h"

namespace echo::server {
namespace {

constexpr std::uint64_t kFormBytes = 64 << 10;  // of a form beside its recording
constexpr size_t kMaxChanges = 2;               // that wait, with their recordings

using Reason = VoiceUploadError::Reason;

OpenAiError refused(const VoiceUploadError& error) {
  const std::string text = error.what();
  switch (error.reason()) {
    case Reason::kName:
      return {400, text, "", "name"};
    case Reason::kAudio:
      return {400, text, "unusable_audio", "audio_sample"};
    case Reason::kText:
      return {400, text, "", "text"};
    case Reason::kTooLarge:
      return {413, text, "request_too_large", "audio_sample"};
    case Reason::kExists:
      return {409, text, "voice_exists", "name"};
    case Reason::kReadOnly:
      return {403, text, "voice_read_only", "name"};
    case Reason::kUnknown:
      return {404, text, "voice_not_found", "voice"};
    case Reason::kFull:
      break;
  }
  return {507, text, "storage_full"};
}

OpenAiError unknown_voice() { return {404, "There is no such voice.", "voice_not_found", "voice"}; }

// What the client said in a form.
NewVoice voice_of(const std::vector<http::FormPart>& form) {
  NewVoice voice;
  bool named = false, heard = false, told = false, overwrite = false;
  const auto once = [](bool& seen, const http::FormPart& part) {
    if (std::exchange(seen, true)) {
      throw OpenAiError(400, part.name + ": it is there twice.", "", part.name);
    }
  };
  for (const http::FormPart& part : form) {
    if (part.name == "name") {
      once(named, part);
      voice.name = part.content;
    } else if (part.name == "audio_sample") {
      once(heard, part);
      voice.audio = part.content;
    } else if (part.name == "text") {
      once(told, part);
      voice.text = part.content;
    } else if (part.name == "overwrite") {
      once(overwrite, part);
      voice.overwrite = part.content == "true" || part.content == "1";
      if (!voice.overwrite && part.content != "false" && part.content != "0") {
        throw OpenAiError(400, "overwrite: expected true or false.", "", part.name);
      }
    }
  }
  if (!named) {
    throw OpenAiError(400, "Missing required parameter: 'name'.", "missing_required_parameter",
                      "name");
  }
  if (voice.audio.empty()) {
    throw OpenAiError(400, "audio_sample: expected a file of audio.",
                      heard ? "unusable_audio" : "missing_required_parameter", "audio_sample");
  }
  return voice;
}

std::string audio_type(std::string_view file) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 8> kTypes = {{
      {".wav", "audio/wav"},
      {".mp3", "audio/mpeg"},
      {".m4a", "audio/mp4"},
      {".ogg", "audio/ogg"},
      {".opus", "audio/ogg"},
      {".flac", "audio/flac"},
      {".webm", "audio/webm"},
      {".aac", "audio/aac"},
  }};
  const std::string name = lower(file);
  for (const auto& [suffix, type] : kTypes) {
    if (name.ends_with(suffix)) return std::string(type);
  }
  return "application/octet-stream";
}

}  // namespace

VoiceRoutes::VoiceRoutes(VoiceRouteOptions options, const SpeechOrderOptions& orders,
                         http::BackgroundThread& lookups)
    : options_(options), orders_(orders), lookups_(lookups), changes_(kMaxChanges) {}

void VoiceRoutes::add_to(http::Router& router, const std::string& base) {
  const auto add = [&](const char* method, const std::string& path,
                       std::function<void(http::Call &&)> handle) {
    http::Route route{method, base + path, openai_handler(std::move(handle))};
    if (route.method != "GET") {
      route.refusal = [this](const http::Request&) { return refusal(); };
    }
    if (route.method == "POST") route.body_limit = options_.max_bytes + kFormBytes;
    route.open = options_.public_list && path.ends_with("/voices") && route.method == "GET";
    router.add(std::move(route));
  };
  const auto list = [this](http::Call&& call) { this->list(call); };
  add("GET", "/audio/voices", list);
  add("GET", "/voices", list);
  add("GET", "/audio/voices/{voice}", [this](http::Call&& call) { voice(call); });
  add("GET", "/audio/voices/{voice}/audio", [this](http::Call&& call) { audio(call); });
  add("POST", "/audio/voices", [this](http::Call&& call) { create(std::move(call)); });
  add("DELETE", "/audio/voices/{voice}", [this](http::Call&& call) { remove(call); });
}

void VoiceRoutes::set_ready(const VoiceDirectory& directory, VoiceUploads* uploads) {
  uploads_ = uploads;
  directory_ = &directory;
}

std::optional<http::Response> VoiceRoutes::refusal() const {
  if (options_.uploads && (directory_ == nullptr || uploads_ != nullptr)) return std::nullopt;
  const std::string why = options_.uploads ? "there is no folder for them, ECHO_VOICE_UPLOAD_DIR"
                                           : "ECHO_VOICE_UPLOADS=1 allows it";
  return OpenAiError(403, "Voices cannot be added or removed here: " + why + ".",
                     "uploads_disabled")
      .response();
}

const VoiceDirectory& VoiceRoutes::ready() const {
  const VoiceDirectory* directory = directory_;
  if (directory == nullptr) throw still_loading();
  return *directory;
}

void VoiceRoutes::list(const http::Call& call) {
  answer_later(lookups_, call.reply, [&directory = ready()] {
    return http::json_response(200, voices_json(VoiceCatalog(directory).list()));
  });
}

void VoiceRoutes::voice(const http::Call& call) {
  answer_later(lookups_, call.reply,
               [this, &directory = ready(), name = composed(call.parameter("voice"))] {
                 const VoiceCatalog catalog(directory);
                 if (const auto voice = catalog.find(name)) {
                   Json json = voice_json(*voice);
                   json["deletable"] = false;
                   if (VoiceUploads* uploads = uploads_) {
                     const VoiceDetails details = uploads->details(*voice);
                     if (details.seconds) json["seconds"] = *details.seconds;
                     json["deletable"] = options_.uploads && details.deletable;
                     if (!details.text.empty()) json["text"] = details.text;
                   }
                   return http::json_response(200, json);
                 }
                 // Some clients ask for the voices of a model.
                 if (is_model(name, orders_))
                   return http::json_response(200, voices_json(catalog.list()));
                 throw unknown_voice();
               });
}

void VoiceRoutes::audio(const http::Call& call) {
  http::Request head;
  head.headers = call.request.headers;
  answer_later(
      lookups_, call.reply, [head, &directory = ready(), name = composed(call.parameter("voice"))] {
        const auto voice = VoiceCatalog(directory).find(name);
        if (!voice) throw unknown_voice();
        const VoiceFile file = directory.open(voice->file);
        auto answer = file_answer(head, Descriptor(::fcntl(file.descriptor(), F_DUPFD_CLOEXEC, 0)),
                                  audio_type(voice->file));
        if (!answer) throw unknown_voice();
        if (answer->status != 416) return *std::move(answer);
        http::Response outside = OpenAiError(416, "The range lies outside the file.").response();
        outside.headers.push_back(
            {"Content-Range", std::string(*find_header(answer->headers, "Content-Range"))});
        return outside;
      });
}

void VoiceRoutes::create(http::Call&& call) {
  const std::string type(call.request.header("Content-Type").value_or(""));
  if (lower(type).starts_with("application/json")) {
    throw OpenAiError(400,
                      "A voice is made of a recording: expected a form with name and "
                      "audio_sample.",
                      "unsupported_voice_type");
  }
  std::optional<std::string> boundary;
  try {
    boundary = http::form_boundary(type);
  } catch (const Error& error) {
    throw OpenAiError(400, error.what());
  }
  if (!boundary) {
    throw OpenAiError(415, "The body is no form, expected multipart/form-data.",
                      "unsupported_media_type");
  }
  ready();
  const auto shared = std::make_shared<http::Call>(std::move(call));
  answer_later(changes_, shared->reply, [this, shared, boundary] {
    try {
      std::string& body = shared->request.body;
      NewVoice given = voice_of(http::parse_form(body, *boundary));
      given.release = [&body] { release_memory(body); };
      const AddedVoice added = uploads_.load()->add(given, shared->request.gone);
      const CatalogVoice& voice = added.voice;
      http::Response response = http::json_response(200, Json{{"object", "audio.voice"},
                                                              {"id", voice.id},
                                                              {"name", voice.id},
                                                              {"created_at", voice.created_at}});
      if (!added.warnings.empty()) {
        response.headers.push_back({"X-Echo-Warning", header_text(added.warnings, "; ")});
      }
      return response;
    } catch (const VoiceUploadError& error) {
      throw refused(error);
    } catch (const OpenAiError&) {
      throw;
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kInvalidArgument) throw OpenAiError(400, error.what());
      throw;
    }
  });
}

void VoiceRoutes::remove(const http::Call& call) {
  ready();
  answer_later(changes_, call.reply, [this, name = call.parameter("voice")] {
    try {
      const std::string id = uploads_.load()->remove(name);
      return http::json_response(
          200, Json{{"id", id}, {"object", "audio.voice.deleted"}, {"deleted", true}});
    } catch (const VoiceUploadError& error) {
      throw refused(error);
    }
  });
}

}  // namespace echo::server
