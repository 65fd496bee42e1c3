#include <cstdio>
#include <memory>

#include "apps/command.h"
#include "apps/interrupt.h"
#include "apps/progress_line.h"
#include "base/visible_text.h"
#include "checkpoint/random_checkpoint.h"

namespace echo::apps {
namespace {

struct MakeModelOptions {
  std::string size = "tiny", folder;
  RandomCheckpointOptions checkpoint;
};

int make_model(MakeModelOptions& options) {
  options.checkpoint.size = *parse_model_size(options.size);
  ProgressLine line(false);
  options.checkpoint.progress = megabytes_on(line, catch_interrupts());
  write_random_checkpoint(options.folder, options.checkpoint);
  line.finish();
  std::fprintf(stderr, "%s: a %s model of random weights; it makes noise, not speech\n",
               visible_text(options.folder).c_str(), options.size.c_str());
  return kSuccess;
}

}  // namespace

void add_make_model(CommandLine& line) {
  auto options = std::make_shared<MakeModelOptions>();
  Command command = line.add(
      "make-model",
      "Write a checkpoint of random weights in the published layout (it makes noise, not "
      "speech), for trials, tests and benchmarks",
      "  echo-tts make-model --size tiny /tmp/model\n", [options] { return make_model(*options); });
  command.option("folder", options->folder, "Directory to write into").required();
  command
      .option(
          "--size", options->size,
          "Size of the model: tiny (15 MB), full (as published, 7.5 GB) or real-slice (full width, "
          "one layer)")
      .one_of({"tiny", "full", "real-slice"})
      .show_default();
  command.option("--seed", options->checkpoint.seed, "Seed of the random weights").show_default();
}

}  // namespace echo::apps
