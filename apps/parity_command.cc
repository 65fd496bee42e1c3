#include <cstdio>
#include <memory>

#include "apps/command.h"
#include "apps/device_options.h"
#include "apps/recording_reader.h"
#include "parity/parity.h"

namespace echo::apps {
namespace {

struct ParityOptions {
  std::string folder;
  DeviceFlags device;
  parity::ParityOptions parity;
};

}  // namespace

void add_parity(CommandLine& line) {
  auto options = std::make_shared<ParityOptions>();
  Command command =
      line.add("parity", "Compare every stage with recorded runs of the published code",
               "  echo-tts parity tests/golden/tiny\n"
               "  echo-tts parity tests/golden/tiny --group sampler\n"
               "  echo-tts parity tests/golden/tiny --device cuda\n",
               [options] {
                 options->parity.device = options->device.options();
                 options->parity.read_recording = read_recording;
                 const parity::Report report = parity::run(options->folder, options->parity);
                 std::printf("%s", report.table().c_str());
                 return static_cast<int>(report.passed() ? kSuccess : kFailure);
               });
  command.option("folder", options->folder, "Folder of recorded data").required();
  command.option("--group", options->parity.groups,
                 "Compare only these groups of stages, such as text, encoders, sampler, codec");
  options->device.add_to(command, line.environment());
}

}  // namespace echo::apps
