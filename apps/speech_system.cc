#include "apps/speech_system.h"

#include <algorithm>
#include <chrono>
#include <filesystem>

#include "apps/openai_settings.h"
#include "apps/storage_settings.h"
#include "base/error.h"
#include "base/units.h"
#include "net/directory_store.h"
#include "net/s3_store.h"
#include "speech/job_handler.h"

namespace echo::apps {
namespace {

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

std::string rounded(double seconds) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f s", seconds);
  return text;
}

std::string set_or_not(const std::string& secret) { return secret.empty() ? "not set" : "set"; }

}  // namespace

SpeechSystemOptions speech_system_options(EngineFlags engine, const Environment& environment) {
  SpeechSystemOptions options;
  options.engine = std::move(engine);
  options.s3 = s3_options_of(environment);
  options.voices_directory = voices_directory_of(environment);
  options.uploads_directory = environment.text("ECHO_VOICE_UPLOAD_DIR");
  options.uploads = voice_upload_options_of(environment);
  options.output = output_directory_of(environment);
  options.limits.max_text_chars =
      static_cast<size_t>(environment.integer("MAX_TEXT_CHARS", 4096, 1, 1'000'000));
  options.openai = openai_options_of(environment);
  options.piece_bytes =
      static_cast<size_t>(environment.integer("ECHO_STREAM_PIECE_BYTES", 196'608, 1024, 700'000));
  options.first_sound_seconds =
      static_cast<double>(environment.integer("ECHO_STREAM_BUDGET", 400, 0, 3'600'000)) / 1000;
  options.warm_up = environment.text("ECHO_WARM_UP", options.warm_up);
  if (options.warm_up != "auto" && options.warm_up != "on" && options.warm_up != "off") {
    throw_invalid("ECHO_WARM_UP: found \"" + options.warm_up.substr(0, 40) +
                  "\", expected auto, on or off");
  }
  options.max_requests = static_cast<size_t>(environment.integer("ECHO_CONCURRENCY", 0, 0, 256));
  return options;
}

std::vector<std::string> settings_of(const SpeechSystemOptions& options) {
  const ModelSource& source = options.engine.source;
  std::vector<std::string> lines;
  lines.push_back(source.directory.empty()
                      ? "model: " + source.dit.name + "@" + source.dit.revision + " and " +
                            source.codec.name + "@" + source.codec.revision + ", hub cache " +
                            source.hub.cache.string() + ", token " + set_or_not(source.hub.token)
                      : "model: " + source.directory);
  lines.push_back("device: " + options.engine.device.device + ", precision " +
                  options.engine.precision + ", codec " + options.engine.codec_precision +
                  ", noise " + options.engine.noise);
  lines.push_back("voices: " + options.voices_directory);
  if (!options.storage_directory.empty()) {
    lines.push_back("storage: folder " + options.storage_directory);
  } else {
    lines.push_back("storage: bucket " + options.s3.bucket + " at " + options.s3.endpoint_url +
                    ", prefix \"" + options.s3.key_prefix + "\", access key " +
                    set_or_not(options.s3.access_key_id) + ", secret key " +
                    set_or_not(options.s3.secret_access_key) + ", session token " +
                    set_or_not(options.s3.session_token));
  }
  lines.push_back("output that could not be stored: " + options.output.path + ", " +
                  std::to_string(options.output.retention.count()) + " h, " +
                  std::to_string(options.output.max_bytes) + " bytes");
  lines.push_back("text: at most " + std::to_string(options.limits.max_text_chars) +
                  " characters; profile " +
                  std::string(profile_name(options.engine.source.profile)));
  return lines;
}

std::vector<std::string> settings_problems(const SpeechSystemOptions& options) {
  std::vector<std::string> lines;
  const auto check = [&](const std::string& one, const std::string& one_path,
                         const std::string& other, const std::string& other_path,
                         const std::string& why) {
    if (!directories_overlap(one_path, other_path)) return;
    lines.push_back(one + " (" + one_path + ") and " + other + " (" + other_path +
                    "): one is the other or lies in it, expected two directories apart from each "
                    "other, since " +
                    why);
  };
  const std::string& voices = options.voices_directory;
  const std::string& storage = options.storage_directory;
  const std::string& output = options.output.path;
  check("AUDIO_VOICES_DIR", voices, "OUTPUT_AUDIO_DIR", output,
        "kept results would be taken for voices");
  check("--storage", storage, "OUTPUT_AUDIO_DIR", output,
        "old files in OUTPUT_AUDIO_DIR are removed");
  check("AUDIO_VOICES_DIR", voices, "--storage", storage,
        "a job's result could replace a voice, and would be taken for one");
  const std::string& uploads = options.uploads_directory;
  if (!uploads.empty()) {
    check("ECHO_VOICE_UPLOAD_DIR", uploads, "OUTPUT_AUDIO_DIR", output,
          "old files in OUTPUT_AUDIO_DIR are removed");
    check("ECHO_VOICE_UPLOAD_DIR", uploads, "--storage", storage,
          "a job's result could replace a voice, and would be taken for one");
  }
  return lines;
}

SpeechSystem::SpeechSystem(const SpeechSystemOptions& options, HttpClient& http, Logger& logger)
    : logger_(logger), cold_start_(options.cold_start) {
  for (const std::string& line : settings_of(options)) logger_.info(line);
  auto begin = std::chrono::steady_clock::now();
  const LocatedModel model = locate_model(
      options.engine.source, http,
      {.small_voice = options.small_voice,
       .download = true,
       .progress = logged_progress(logger_),
       .stop = options.stop});
  if (options.stop.stop_requested()) throw Error(ErrorCode::kCancelled, "the start was stopped");
  if (!model.notice.empty()) logger_.warn(model.notice);
  logger_.info("Model " + model.name + " found in " + rounded(seconds_since(begin)));
  lap("resolve");

  begin = std::chrono::steady_clock::now();
  EngineOptions engine_options = options.engine.options();
  engine_options.device.notice = [this](const std::string& text) { logger_.info(text); };
  engine_options.files = model.files;
  engine_options.max_requests = options.max_requests;
  engine_options.max_text_chars = static_cast<int64_t>(
      std::max(options.limits.max_text_chars, options.openai.orders.max_input_chars));
  engine_options.stage_done = [this](const std::string& stage) { lap(stage); };
  engine_ = Engine::load(engine_options);
  const EngineInfo& info = engine_->info();
  const auto width = static_cast<size_t>(std::max<int64_t>(1, info.batch_width));
  concurrency_ = static_cast<int>(options.max_requests > 0 ? options.max_requests : width);
  for (const std::string& line : info.plan) logger_.info("Plan: " + line);
  logger_.info("Model loaded in " + rounded(seconds_since(begin)) + " on " + info.device + ", " +
               info.precision + ", codec " + info.codec_precision + "; " +
               gigabytes(info.read_bytes, 2) + " of " + gigabytes(info.file_bytes, 2) +
               " were read");

  std::string voices = options.voices_directory;
  std::string uploads = options.uploads_directory;
  if (std::filesystem::is_directory(voices)) {
    if (uploads.empty()) uploads = voices + "/uploads";
  } else {
    if (uploads.empty()) uploads = options.spare_uploads;
    const std::string missing = "AUDIO_VOICES_DIR: found no directory " + voices;
    if (model.voices.empty()) {
      logger_.warn("There are no voices. | " + missing);
    } else {
      try {
        sample_voices_ = model.voices;
        voices = sample_voices_.folder();
        logger_.info("The voices are the model's own, " + sample_voices_.list() + ". | " + missing);
      } catch (const Error& problem) {
        logger_.warn(std::string("There are no voices. | ") + problem.what());
      }
    }
  }
  voice_directory_ = std::make_unique<VoiceDirectory>(voices, real_clock(), uploads);
  voices_ = std::make_unique<VoiceLibrary>(*voice_directory_);
  if (!uploads.empty()) {
    VoiceUploadOptions upload_options = options.uploads;
    upload_options.forget = [this](const std::string& hash) { engine_->forget_voice(hash); };
    uploads_ = std::make_unique<VoiceUploads>(*voice_directory_, upload_options);
  }
  if (options.store) {
    // Whoever opened it closes it.
  } else if (!options.storage_directory.empty()) {
    // Nobody serves it here, so links name the file itself.
    const auto folder = std::filesystem::absolute(options.storage_directory).lexically_normal();
    store_ = std::make_unique<DirectoryStore>(DirectoryStoreOptions{
        .directory = options.storage_directory, .base_url = "file://" + folder.string()});
  } else if (s3_problems(options.s3).empty()) {
    store_ = std::make_unique<S3Store>(options.s3, http);
  }
  output_ = std::make_unique<OutputDirectory>(options.output);

  SpeechServiceOptions service;
  JobLimits limits = options.limits;
  limits.defaults = model.defaults;
  service.limits = limits;
  service.model = model.name;
  service.device = info.device;
  service.finished = options.finished;
  service_ = std::make_unique<SpeechService>(
      service, SpeechServiceParts{.speak =
                                      [this](SpeechRequest request, SpeechCallbacks callbacks) {
                                        return engine_->start(std::move(request),
                                                              std::move(callbacks));
                                      },
                                  .voices = *voices_,
                                  .store = options.store ? options.store : store_.get(),
                                  .job_stores = make_s3_job_stores(options.s3, http),
                                  .output = *output_,
                                  .logger = logger_});
  live_ = std::make_unique<LiveSpeech>(
      LiveSpeech::Parts{.speak =
                            [this](SpeechRequest request, SpeechCallbacks callbacks) {
                              return engine_->start(std::move(request), std::move(callbacks));
                            },
                        .voices = *voices_,
                        .logger = logger_,
                        .finished = options.finished,
                        .defaults = model.defaults,
                        .first_sound_seconds = options.first_sound_seconds});
  pieces_ = {service.limits, options.piece_bytes, {model.name, info.device}};
  openai_.orders = options.openai.orders;
  if (ObjectStore* store = options.store ? options.store : store_.get()) {
    openai_.store = [store](const std::string& name, std::string_view bytes,
                            const std::string& type, std::stop_token stop) {
      store->put(name, bytes, type, stop);
      return store->link(name);
    };
  }
  lap("config");
  if (options.warm_up == "on" || (options.warm_up == "auto" && info.device != "cpu")) warm_up();
}

SpeechSystem::~SpeechSystem() = default;

Handler SpeechSystem::handler() {
  return [this, speech = make_speech_handler(*service_, *live_, pieces_)](const Job& job,
                                                                          JobContext& context) {
    if (server::is_openai_job(job)) return server::run_openai_job(*live_, job, context, openai_);
    return speech(job, context);
  };
}

void SpeechSystem::warm_up() {
  const auto begin = std::chrono::steady_clock::now();
  SpeechRequest request;
  request.text = "Warm-up.";
  request.parameters.num_steps = 2;
  request.parameters.sequence_length = 32;
  engine_->speak(std::move(request));
  logger_.info("Warmed up in " + rounded(seconds_since(begin)));
  lap("warm-up");
}

void SpeechSystem::lap(const std::string& stage) const {
  if (cold_start_) cold_start_->lap(stage);
}

}  // namespace echo::apps
