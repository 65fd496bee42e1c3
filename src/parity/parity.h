// All comparisons that a folder of recorded data allows.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "engine/device.h"
#include "parity/audio_parity.h"
#include "parity/report.h"

namespace echo::parity {

struct ParityOptions {
  DeviceOptions device;
  // Without it, recordings of references are left out.
  RecordingReader read_recording;
  // Names of parity_groups(); empty: all of them.
  std::vector<std::string> groups;
};

// The groups of stages that a folder of this kind has, in the order in which they run: "text",
// "audio", ...
std::vector<std::string> parity_groups(GoldenKind kind);

// Runs every case of a folder: all stages ("tiny"), a BF16 checkpoint ("tiny-bf16"), the real
// widths ("real-slice", whose weights are generated in memory: 2 GB at the peak) or random draws
// ("randn"); told apart by the files. What a case needs and the folder does not have, or not in its
// form, is a failure of that case; what is recorded and not compared is named with the reason.
// Errors: as GoldenSet::open; kInvalidArgument for groups that the folder does not have, and for
// the device.
Report run(const std::filesystem::path& folder, const ParityOptions& options = {});
Report run(const GoldenSet& set, const ParityOptions& options = {});

}  // namespace echo::parity
