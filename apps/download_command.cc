#include <cstdio>
#include <memory>
#include <stop_token>
#include <thread>

#include "apps/command.h"
#include "apps/http_client.h"
#include "apps/interrupt.h"
#include "apps/model_source.h"
#include "apps/progress_line.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/visible_text.h"

namespace echo::apps {
namespace {

// Shows how far a download is, and stops it at an interrupt.
class DownloadView {
 public:
  // Looks for an interrupt by itself: a download may wait for long between two pieces of news.
  DownloadView()
      : watch_([this](std::stop_token over) {
          while (real_clock().sleep_for(std::chrono::milliseconds(50), over)) {
            if (interrupted()) stop_.request_stop();
          }
        }) {}

  ModelHub::Progress progress(const std::string& name) {
    return [this, name](const HubProgress& p) {
      line_.update(static_cast<int64_t>(p.done), static_cast<int64_t>(p.total.value_or(0)),
                   name + p.file + (p.waiting ? " (another process downloads it)" : ""));
    };
  }
  std::stop_token stop() const { return stop_.get_token(); }
  void finish() { line_.finish(); }

 private:
  ProgressLine line_{false};
  std::stop_source stop_;
  std::jthread watch_;
};

int download(const Environment& environment, bool if_missing) {
  catch_interrupts();
  const ModelSource source = model_source_of(environment);
  const std::unique_ptr<HttpClient> http = http_client_of(environment);
  if (if_missing) {
    DownloadView view;
    const LocatedModel model = locate_model(
        source, *http, {.download = true, .progress = view.progress(""), .stop = view.stop()});
    view.finish();
    for (const std::filesystem::path& file : {model.files.dit, model.files.codec}) {
      std::printf("%s\n", visible_text(file.string()).c_str());
    }
    return kSuccess;
  }
  ModelHub hub(source.hub, *http);
  for (const HubRepository& repository : {source.dit, source.codec}) {
    DownloadView view;
    const std::filesystem::path snapshot =
        hub.download(repository, view.progress(repository.name + " "), view.stop());
    view.finish();
    std::printf("%s %s\n", repository.name.c_str(), visible_text(snapshot.string()).c_str());
  }
  return kSuccess;
}

}  // namespace

void add_download(CommandLine& line) {
  const Environment& environment = line.environment();
  auto if_missing = std::make_shared<bool>(false);
  Command command = line.add(
      "download", "Fetch the published checkpoints into the hub's cache",
      "  HF_TOKEN=... echo-tts download\n"
      "Variables: HF_TOKEN, HF_HOME, HF_HUB_CACHE, HF_ENDPOINT, HF_HUB_OFFLINE,\n"
      "HF_HUB_DOWNLOAD_TIMEOUT as in huggingface_hub; ECHO_MODEL, ECHO_CODEC: other\n"
      "repositories, ORG/NAME[@REVISION]\n",
      [&environment, if_missing] {
        try {
          return download(environment, *if_missing);
        } catch (const Error& error) {
          if (error.code() != ErrorCode::kCancelled || !interrupted()) throw;
          std::fprintf(stderr, "echo-tts: interrupted; what is there will be used next time\n");
          return interrupt_exit_code();
        }
      });
  command.flag("--if-missing", *if_missing,
               "Ask the hub only for what the worker would not find: neither in ECHO_MODEL_DIR, "
               "nor in a cache");
}

}  // namespace echo::apps
