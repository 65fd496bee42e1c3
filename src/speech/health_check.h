// Whether everything that a job needs is in place, without doing a job.
#pragma once

#include <chrono>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/clock.h"
#include "net/object_store.h"
#include "speech/output_directory.h"
#include "speech/voice_directory.h"

namespace echo {

enum class HealthStatus { kPass, kWarn, kFail };

struct HealthItem {
  std::string name;  // "configuration", "model", "device", "voices", "storage", "directories"
  HealthStatus status = HealthStatus::kPass;
  std::string detail;  // for people; no secrets, no host paths
};

// How many voices there are, and those that cannot be used. No voice at all is a warning, no
// directory a failure.
HealthItem check_voices(const VoiceDirectory& voices);

// Whether the store answers: it is asked about an object that need not exist. A store that refuses
// the question may still take uploads: that is a warning. No answer within `patience` is a failure,
// and so is `store` null.
HealthItem check_store(ObjectStore* store, std::chrono::milliseconds patience);

// Whether the output directory can be written and has space.
HealthItem check_directories(const OutputDirectory& output);

// {"status": "pass|warn|fail", "checks": {name: {"status", "detail"}}}: the worst of all counts.
nlohmann::json health_report(const std::vector<HealthItem>& items);

}  // namespace echo
