#include <cstdio>
#include <memory>

#include "apps/command.h"
#include "apps/interrupt.h"
#include "apps/output_file.h"
#include "apps/progress_line.h"
#include "apps/small_model.h"
#include "base/visible_text.h"
#include "devices/devices.h"
#include "engine/model_pack.h"

namespace echo::apps {
namespace {

struct PackOptions {
  std::string folder, file, layout = "plain", codec_precision = "auto", precision = "auto",
                            device = "auto";
  int64_t wide_blocks = ModelPackOptions().wide_blocks;
  bool blockwise = true, voices = true;
};

int pack(const PackOptions& options) {
  ProgressLine line(false);
  ModelPackOptions pack;
  pack.files = find_model_files(model_path(options.folder));
  check_output_apart(options.file, inputs_of(pack.files));
  pack.output = output_target(options.file);
  pack.layout = options.layout == "native" ? PackLayout::kNative : PackLayout::kPlain;
  if (options.codec_precision == "bf16") pack.codec_precision = Precision::kBFloat16;
  if (options.precision == "int8") pack.precision = Precision::kInt8;
  pack.wide_blocks = options.wide_blocks;
  pack.blockwise = options.blockwise;
  pack.device.kinds = all_devices();
  pack.voices = options.voices;
  pack.device.name = options.device;
  pack.progress = megabytes_on(line, catch_interrupts());
  const ModelPackResult result = pack_model(pack);
  line.finish();
  std::fprintf(stderr, "%s: %.2f GB out of %.2f GB", visible_text(options.file).c_str(),
               static_cast<double>(result.bytes) / 1e9,
               static_cast<double>(result.source_bytes) / 1e9);
  if (result.matrices > 0) {
    std::fprintf(stderr, ", %zu matrices in this machine's layout", result.matrices);
  }
  if (result.voices > 0) std::fprintf(stderr, ", %zu sample voices", result.voices);
  std::fprintf(stderr, "\n");
  return kSuccess;
}

}  // namespace

void add_pack(CommandLine& line) {
  auto options = std::make_shared<PackOptions>();
  Command command =
      line.add("pack", "Write one file of model, codec and PCA state that loads faster",
               "  echo-tts pack /models model.echo && echo-tts worker --model model.echo\n"
               "  echo-tts pack --layout native --codec-precision bf16 /models model.echo\n"
               "  echo-tts pack --layout native --precision int8 /models model.echo\n"
               "A native file is used where it lies: nothing is copied when it is loaded. It works "
               "on other\n"
               "machines too, where it is packed again like any other.\n",
               [options] { return pack(*options); });
  command.option("folder", options->folder, "Directory of the checkpoints, or small").required();
  command.option("file", options->file, "File to write").required();
  command
      .option("--layout", options->layout,
              "Store matrices for any machine (plain), or as this machine's device multiplies them "
              "(native)")
      .one_of({"plain", "native"})
      .show_default();
  command
      .option("--codec-precision", options->codec_precision,
              "Store the codec's large matrices in this type; auto: as they are stored now")
      .one_of({"auto", "bf16"})
      .show_default();
  command
      .option("--precision", options->precision,
              "Store the transformer's large matrices as they are, or int8 for a native file on a CPU, "
              "which is then loaded so")
      .one_of({"auto", "int8"})
      .show_default();
  command
      .option("--wide-blocks", options->wide_blocks,
              "Keep so many of the transformer's last blocks as they are with int8")
      .between(0, 1000)
      .show_default();
  command.option("--device", options->device, "Store the native layout of this device").show_default();
  command.flag("!--no-blockwise", options->blockwise, "Leave out what only block_sizes needs");
  command.flag("!--no-voices", options->voices, "Leave out the recordings in the model's voices/");
}

}  // namespace echo::apps
