#include <cstdio>
#include <memory>
#include <stop_token>

#include "apps/command.h"
#include "apps/http_client.h"
#include "apps/interrupt.h"
#include "apps/model_source.h"
#include "apps/progress_line.h"
#include "base/error.h"
#include "base/visible_text.h"

namespace echo::apps {
namespace {

ModelHub::Progress progress_on(ProgressLine& line, const std::string& name) {
  return [&line, name](const HubProgress& p) {
    line.update(static_cast<int64_t>(p.done), static_cast<int64_t>(p.total.value_or(0)),
                name + p.file + (p.waiting ? " (another process downloads it)" : ""));
  };
}

int download(const Environment& environment, bool if_missing, std::stop_token stop) {
  const ModelSource source = model_source_of(environment);
  const std::unique_ptr<HttpClient> http = http_client_of(environment);
  if (if_missing) {
    ProgressLine line(false);
    const LocatedModel model = locate_model(
        source, *http, {.download = true, .progress = progress_on(line, ""), .stop = stop});
    line.finish();
    for (const std::filesystem::path& file : {model.files.dit, model.files.codec}) {
      std::printf("%s\n", visible_text(file.string()).c_str());
    }
    return kSuccess;
  }
  ModelHub hub(source.hub, *http);
  for (const HubRepository& repository : {source.dit, source.codec}) {
    ProgressLine line(false);
    const std::filesystem::path snapshot =
        hub.download(repository, progress_on(line, repository.name + " "), stop);
    line.finish();
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
        const std::stop_token stop = catch_interrupts();
        try {
          return download(environment, *if_missing, stop);
        } catch (const Error& error) {
          if (error.code() != ErrorCode::kCancelled || !stop.stop_requested()) throw;
          std::fprintf(stderr, "echo-tts: interrupted; what is there will be used next time\n");
          return interrupt_exit_code();
        }
      });
  command.flag("--if-missing", *if_missing,
               "Ask the hub only for what the worker would not find: neither in ECHO_MODEL_DIR, "
               "nor in a cache");
}

}  // namespace echo::apps
