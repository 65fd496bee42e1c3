#include "base/cold_start.h"

#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <sstream>

namespace echo {

double process_age_seconds() {
  std::ifstream file("/proc/self/stat");
  const std::string line{std::istreambuf_iterator<char>(file), {}};
  // The name in parentheses may hold anything; the fields after it are counted from 3.
  const size_t name_end = line.rfind(')');
  if (name_end == std::string::npos) return 0;
  std::istringstream fields(line.substr(name_end + 1));
  constexpr int kStartTime = 22;
  std::string field;
  for (int i = 3; i <= kStartTime; ++i) fields >> field;
  char* end = nullptr;
  const double ticks = std::strtod(field.c_str(), &end);
  timespec now{};
  if (!fields || end == field.c_str() || ::clock_gettime(CLOCK_BOOTTIME, &now) != 0) return 0;
  const double since_boot =
      static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
  return std::max(0.0, since_boot - ticks / static_cast<double>(::sysconf(_SC_CLK_TCK)));
}

ColdStart::ColdStart(double process_age) { stages_.push_back({"process", process_age}); }

void ColdStart::lap(const std::string& stage) {
  const auto now = std::chrono::steady_clock::now();
  const double seconds = std::chrono::duration<double>(now - last_).count();
  last_ = now;
  const auto found = std::find_if(stages_.begin(), stages_.end(),
                                  [&](const Stage& known) { return known.name == stage; });
  if (found == stages_.end()) {
    stages_.push_back({stage, seconds});
  } else {
    found->seconds += seconds;
  }
}

double ColdStart::total() const {
  double sum = 0;
  for (const Stage& stage : stages_) sum += stage.seconds;
  return sum;
}

std::string ColdStart::text() const {
  char number[32];
  std::snprintf(number, sizeof number, "%.2f s", total());
  std::string text = number;
  for (const Stage& stage : stages_) {
    std::snprintf(number, sizeof number, " %.2f", stage.seconds);
    text += (&stage == stages_.data() ? ": " : ", ") + stage.name + number;
  }
  return text;
}

}  // namespace echo
