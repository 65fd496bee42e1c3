// What a device is used for, decided before a model is loaded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/echo_dit_layout.h"
#include "checkpoint/s1_dac_layout.h"
#include "engine/precision.h"

namespace echo {

// What a device has to offer.
struct PlanDevice {
  std::string name = "cpu";   // "cpu", "cuda"
  uint64_t memory_bytes = 0;  // that the model may take; 0: not known, taken for enough
  int64_t batch_width = 1;    // trajectories that gain from advancing together
  bool bfloat16 = true;       // multiplied at full speed
  bool int8 = false;          // matrices can be kept in int8
};

// What a model asks for.
struct PlanModel {
  uint64_t dit_values = 0;        // without the blockwise part
  uint64_t dit_wide_values = 0;   // of them, those that stay bfloat16 with int8
  uint64_t blockwise_values = 0;  // beside them, when they are used
  uint64_t codec_values = 0;
  uint64_t trajectory_bytes = 0;  // of one trajectory in bfloat16: activations, keys and values
  uint64_t workspace_bytes = 0;   // whatever runs: the codec's tiles, schedules
  bool dit_bfloat16 = true;       // as stored
  bool dit_int8 = false;          // packed so, but for what stays wide
  bool codec_bfloat16 = false;
};

// What somebody insists on; the default leaves it to the plan.
struct PlanRequest {
  Precision precision = Precision::kAuto;
  Precision codec_precision = Precision::kAuto;
  int64_t batch_width = 0;
  std::optional<size_t> voice_cache_bytes, schedule_cache_bytes;
  uint64_t memory_bytes = 0;  // that may be taken instead of all
};

struct Plan {
  Precision precision = Precision::kBFloat16;
  Precision codec_precision = Precision::kFloat32;
  int64_t batch_width = 1;
  size_t voice_cache_bytes = 0;
  size_t schedule_cache_bytes = 0;  // of what depends on a schedule alone
  uint64_t weight_bytes = 0;
  uint64_t needed_bytes = 0;         // weights, workspace, one trajectory
  std::vector<std::string> reasons;  // one line for each choice
};

// Pure: the same for the same arguments.
//
// Precision as stored where it fits; a GPU computes the codec in bfloat16, as the published
// code does. What does not fit is made smaller: the codec in bfloat16, then the transformer
// in int8 where the device keeps it so. What is left after weights and workspace goes to
// trajectories that advance together, then to caches. Errors: kUnavailable when even the smallest
// does not fit, with what is there and what is needed.
Plan make_plan(const PlanDevice& device, const PlanModel& model, const PlanRequest& request);

// Whether a tensor of the transformer stays bfloat16 when its large matrices are kept in 8 bits.
// name: as published. `wide_blocks`: of the last blocks, all of which stay.
bool stays_wide(const EchoDitConfig& dit, const std::string& name, int64_t wide_blocks);

// The sizes of a model of these layouts. `wide_blocks`: of the transformer's last blocks that stay
// bfloat16 in int8.
PlanModel plan_model(const EchoDitConfig& dit, const S1DacConfig& codec, int64_t wide_blocks);

}  // namespace echo
