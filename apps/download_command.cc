#include <cstdio>
#include <memory>

#include "apps/command.h"
#include "apps/interrupt.h"
#include "apps/model_source.h"
#include "apps/progress_line.h"
#include "base/error.h"
#include "net/curl_http_client.h"

namespace echo::apps {
namespace {

int download(const Environment& environment) {
  catch_interrupts();
  const ModelSource source = model_source_of(environment);
  const std::unique_ptr<HttpClient> http = make_http_client();
  ModelHub hub(source.hub, *http);
  for (const HubRepository& repository : {source.dit, source.codec}) {
    ProgressLine line(false);
    std::stop_source stop;
    const std::filesystem::path snapshot = hub.download(
        repository,
        [&](const HubProgress& p) {
          if (interrupted()) stop.request_stop();
          line.update(static_cast<int64_t>(p.done), static_cast<int64_t>(p.total.value_or(0)),
                      repository.name + " " + p.file +
                          (p.waiting ? " (another process downloads it)" : ""));
        },
        stop.get_token());
    line.finish();
    std::printf("%s %s\n", repository.name.c_str(), snapshot.c_str());
  }
  return kSuccess;
}

}  // namespace

void add_download(CommandLine& line) {
  const Environment& environment = line.environment();
  line.add("download", "Fetch the published checkpoints into the hub's cache",
           "  HF_TOKEN=... echo-tts download\n"
           "Variables: HF_TOKEN, HF_HOME, HF_HUB_CACHE, HF_ENDPOINT, HF_HUB_OFFLINE,\n"
           "HF_HUB_DOWNLOAD_TIMEOUT as in huggingface_hub; ECHO_MODEL, ECHO_CODEC: other\n"
           "repositories, ORG/NAME[@REVISION]\n",
           [&environment] {
             try {
               return download(environment);
             } catch (const Error& error) {
               if (error.code() != ErrorCode::kCancelled || !interrupted()) throw;
               std::fprintf(stderr,
                            "echo-tts: interrupted; what is there will be used next time\n");
               return interrupt_exit_code();
             }
           });
}

}  // namespace echo::apps
