#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <memory>

#include "apps/command.h"
#include "apps/http_client.h"
#include "apps/small_model.h"
#include "apps/speech_system.h"
#include "base/error.h"
#include "base/system_memory.h"
#include "doctor/finding.h"
#include "doctor/machine_checks.h"
#include "doctor/service_checks.h"
#include "doctor/weight_checks.h"
#include "engine/device.h"
#include "engine/engine.h"
#include "net/curl_http_client.h"

namespace echo::apps {
namespace {

constexpr uint64_t kPublishedBytes = uint64_t{7'500'000'000};  // of the checkpoints
constexpr uint64_t kResultBytes = uint64_t{256} << 20;         // room for results
constexpr std::chrono::minutes kHashing{10};

struct DoctorOptions {
  EngineFlags engine;
  bool json = false;
  bool hashes = true;
};

// Everything that the examinations look at, read from flags and environment once.
struct Patient {
  SpeechSystemOptions system;
  runpod::WorkerOptions worker;
  bool on_platform = false;
  std::optional<ModelFiles> files;
  std::string missing;  // why there are none
};

Finding examine_device(const Patient& patient) {
  DeviceOptions options = patient.system.engine.options().device;
  std::string notice;
  options.notice = [&](const std::string& line) { notice = line; };
  const std::unique_ptr<Backend> backend = make_device(options);
  std::string detail = backend->name() + ": " + backend->description();
  std::ifstream driver("/proc/driver/nvidia/version");
  if (std::string line; std::getline(driver, line)) detail += "; " + line;
  if (notice.empty()) return {Verdict::kPass, detail};
  // Without a GPU a worker is slow, and what is paid for is not used.
  return {patient.on_platform ? Verdict::kWarn : Verdict::kPass, detail + "; " + notice,
          patient.on_platform ? "choose a GPU for the endpoint, and an image with CUDA" : ""};
}

// The whole way from text to samples, with the small voice: it takes a second whatever the weights.
Finding examine_speech(const Patient& patient) {
  EngineOptions options = patient.system.engine.options();
  options.device.notice = {};
  ModelSource small;
  small.directory = kSmallModel;
  const std::unique_ptr<HttpClient> http = make_http_client();
  const LocatedModel model = locate_model(small, *http, {});
  options.files = model.files;
  options.precision = options.codec_precision = Precision::kAuto;
  options.voice_store.clear();
  SpeechRequest request;
  request.text = "Everything works.";
  request.parameters = model.defaults;
  const SpeechResult result = Engine::load(options)->speak(std::move(request));
  float peak = 0;
  for (const float x : result.samples) peak = std::max(peak, std::abs(x));
  char said[120];
  std::snprintf(said, sizeof said, "the small voice said two words, %.1f s long, in %.1f s",
                result.seconds(), result.timings.total);
  if (peak > 0.01F) return {Verdict::kPass, said};
  return {Verdict::kFail, std::string(said) + ", and they are silent",
          "try --device cpu: the device computes what it should not"};
}

Finding examine_weights(const Patient& patient) {
  if (patient.files) {
    Finding finding = check_weights(*patient.files);
    if (patient.system.engine.source.directory == kSmallModel) {
      finding.detail += "; the small voice, not the published model";
    }
    return finding;
  }
  const bool fetched =
      patient.system.engine.source.directory.empty() && !patient.system.engine.source.hub.offline;
  return {fetched ? Verdict::kWarn : Verdict::kFail, patient.missing,
          fetched ? "a worker downloads them when it starts: `echo-tts download` does it now"
                  : "run `echo-tts download`, or name the directory with --model"};
}

std::vector<Examination> examinations_of(const Patient& patient, const DoctorOptions& options,
                                         HttpClient& http) {
  const SpeechSystemOptions& system = patient.system;
  const ModelSource& source = system.engine.source;
  const bool needed = !patient.files;
  const bool hub = source.directory.empty();
  const DirectoryUse cache{"HF_HUB_CACHE", source.hub.cache, needed, needed ? kPublishedBytes : 0};
  const DirectoryUse voices{"AUDIO_VOICES_DIR", system.voices_directory, false};
  const DirectoryUse output{"OUTPUT_AUDIO_DIR", system.output.path, true, kResultBytes};

  std::vector<Examination> all;
  const auto add = [&](const char* name, std::function<Finding(std::stop_token)> run,
                       const char* remedy,
                       std::chrono::milliseconds limit = std::chrono::seconds(60)) {
    all.push_back({name, std::move(run), remedy, limit});
  };
  add(
      "device", [&](auto) { return examine_device(patient); },
      "choose a machine with a supported device, or --device cpu");
  add(
      "weights", [&](auto) { return examine_weights(patient); },
      "remove the file and fetch it again with `echo-tts download`");
  if (find_small_model()) {
    add(
        "speech", [&](auto) { return examine_speech(patient); },
        "try --device cpu, or install the program again");
  }
  if (patient.files && options.hashes) {
    add(
        "hashes", [&](std::stop_token stop) { return check_hashes(*patient.files, stop); },
        "remove the file and fetch it again with `echo-tts download`", kHashing);
  }
  const char* const volume = "attach the volume and check its path";
  if (hub && needed) {
    add(
        "room", [cache](auto) { return check_room(cache); }, volume);
    add(
        "cache", [cache](auto) { return check_rights(cache); }, volume);
  }
  add(
      "room", [output](auto) { return check_room(output); }, volume);
  add(
      "output", [output](auto) { return check_rights(output); }, volume);
  add(
      "volume", [voices](auto) { return check_rights(voices); }, volume);
  add(
      "voices", [&](auto) { return check_voice_directory(system.voices_directory); }, volume);
  if (!system.engine.voice_store.empty()) {
    const DirectoryUse kept{"ECHO_VOICE_CACHE", system.engine.voice_store, true};
    add(
        "kept", [kept](auto) { return check_rights(kept); }, volume);
  }
  if (hub) {
    for (const HubRepository& repository : {source.dit, source.codec}) {
      add(
          "hub",
          [&, repository](std::stop_token stop) {
            return check_hub_access(source.hub, repository, needed, http, real_clock(), stop);
          },
          "let the container reach the hub");
    }
  }
  add(
      "storage",
      [&](auto) { return check_bucket(system.s3, patient.on_platform, http, real_clock()); },
      "check the S3_* variables and the way to their host");
  add(
      "platform",
      [&](std::stop_token stop) {
        return check_platform(patient.worker, patient.on_platform, http, stop);
      },
      "check the RUNPOD_* variables and the way to their hosts");
  std::vector<std::string> urls;
  if (s3_problems(system.s3).empty()) urls.push_back(system.s3.endpoint_url);
  if (patient.on_platform) urls.push_back(patient.worker.take_url);
  if (!source.hub.offline) urls.push_back(source.hub.endpoint);
  add(
      "clock",
      [&, urls](std::stop_token stop) { return check_clock(urls, http, real_clock(), stop); },
      "check the network");
  return all;
}

int examine_all(const DoctorOptions& options, const Environment& environment) {
  const std::unique_ptr<HttpClient> http = http_client_of(environment);
  Patient patient;
  patient.system = speech_system_options(options.engine, environment);
  const auto variable = [&](const std::string& name) { return environment.find(name); };
  std::vector<std::string> warnings;
  patient.worker = runpod::worker_options_from(variable, &warnings);
  patient.on_platform = environment.find("RUNPOD_WEBHOOK_GET_JOB").has_value();
  try {
    patient.files = locate_model(patient.system.engine.source, *http, {}).files;
  } catch (const Error& error) {
    patient.missing = error.what();
  }
  const std::vector<NamedFinding> findings =
      examine(examinations_of(patient, options, *http), [&](const NamedFinding& finding) {
        if (options.json) return;
        std::fputs(line_of(finding).c_str(), stdout);
        std::fflush(stdout);
      });
  if (options.json)
    std::printf(
        "%s\n",
        report(findings).dump(2, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
  const bool sick = worst(findings) == Verdict::kFail;
  std::fflush(stdout);
  // A thread that hangs in an examination must not hold up the end.
  std::_Exit(sick ? kFailure : kSuccess);
}

}  // namespace

void add_doctor(CommandLine& line) {
  const Environment& environment = line.environment();
  auto options = std::make_shared<DoctorOptions>();
  Command command = line.add(
      "doctor", "Examine everything that a failing endpoint may suffer from, with remedies",
      "  echo-tts doctor\n"
      "  echo-tts doctor --json --model DIR\n"
      "Exit code 1 when something fails, 0 when there are warnings only. The environment is the\n"
      "worker's. Nothing is downloaded and no job is taken; a probe goes through the bucket.\n",
      [options, &environment] { return examine_all(*options, environment); });
  options->engine.add_to(command, environment);
  command.flag("--json", options->json, "Print one JSON document");
  command.flag("!--no-hashes", options->hashes,
               "Skip reading all the weights to compare their hashes");
}

}  // namespace echo::apps
