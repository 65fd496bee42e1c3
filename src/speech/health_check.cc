#include "speech/health_check.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <thread>

#include "base/error.h"
#include "speech/public_text.h"

namespace echo {
namespace {

constexpr size_t kMaxProblems = 5;                        // told by name
constexpr uint64_t kLittleSpace = uint64_t{256} << 20;    // bytes
constexpr const char* kProbe = "health-check-probe.ogg";  // need not exist

std::string_view status_name(HealthStatus status) {
  switch (status) {
    case HealthStatus::kPass:
      return "pass";
    case HealthStatus::kWarn:
      return "warn";
    case HealthStatus::kFail:
      break;
  }
  return "fail";
}

std::string megabytes(uint64_t bytes) { return std::to_string(bytes >> 20) + " MiB"; }

std::string counted(uint64_t count, const std::string& thing) {
  return std::to_string(count) + ' ' + thing + (count == 1 ? "" : "s");
}

// Requests a stop when the time is over, unless it is destroyed before.
class Timer {
 public:
  explicit Timer(std::chrono::milliseconds patience)
      : thread_([this, patience](std::stop_token ended) {
          if (real_clock().sleep_for(patience, ended)) over_.request_stop();
        }) {}
  std::stop_token over() const { return over_.get_token(); }

 private:
  std::stop_source over_;
  std::jthread thread_;  // last: it uses the other
};

}  // namespace

HealthItem check_voices(const VoiceDirectory& voices) {
  HealthItem item{"voices", HealthStatus::kPass, {}};
  try {
    uint64_t usable = 0, bytes = 0, bad = 0;
    std::string problems;
    for (const VoiceEntry& entry : voices.list(false)) {
      if (entry.problem.empty()) {
        ++usable;
        bytes += entry.size;
      } else if (++bad <= kMaxProblems) {
        problems += "; " + entry.problem;
      }
    }
    item.detail = counted(usable, "voice") + ", " + megabytes(bytes);
    if (bad > 0) item.detail += ", " + std::to_string(bad) + " not usable" + problems;
    if (usable + bad >= VoiceDirectory::kMaxEntries) {
      item.detail += "; there may be more, only so many are looked at";
    }
    if (usable == 0 || bad > 0) item.status = HealthStatus::kWarn;
  } catch (const Error& error) {
    item = {"voices", HealthStatus::kFail, error.what()};
  }
  return item;
}

HealthItem check_store(ObjectStore* store, std::chrono::milliseconds patience) {
  HealthItem item{"storage", HealthStatus::kFail, "none is configured"};
  if (!store) return item;
  const Timer timer(patience);
  const std::string where = store->describe();
  try {
    store->head(kProbe, timer.over());
    return {"storage", HealthStatus::kPass, where + " answers"};
  } catch (const Error& error) {
    item.detail = error.what();
    if (timer.over().stop_requested()) {
      item.detail = where + " did not answer within " + std::to_string(patience.count()) + " ms";
    } else if (item.detail.find("status 403") != std::string::npos) {
      // Keys that may only upload are not told what is there.
      item.status = HealthStatus::kWarn;
    }
  }
  return item;
}

HealthItem check_directories(const OutputDirectory& output) {
  try {
    const OutputDirectoryState state = output.check();
    const bool little = state.free_bytes < kLittleSpace;
    return {"directories", little ? HealthStatus::kWarn : HealthStatus::kPass,
            "output directory: " + counted(state.files, "kept file") + ", " +
                megabytes(state.bytes) + ", " + megabytes(state.free_bytes) + " free"};
  } catch (const Error& error) {
    // Only needed when storage fails.
    return {"directories", HealthStatus::kWarn, error.what()};
  }
}

nlohmann::json health_report(const std::vector<HealthItem>& items) {
  HealthStatus worst = HealthStatus::kPass;
  nlohmann::json checks = nlohmann::json::object();
  for (const HealthItem& item : items) {
    worst = std::max(worst, item.status);
    checks[item.name] = {{"status", status_name(item.status)},
                         {"detail", public_text(item.detail, {}, 1000)}};
  }
  return {{"status", status_name(worst)}, {"checks", checks}};
}

}  // namespace echo
