#include "apps/device_check/notices.h"

namespace echo::device_check {

void Notices::add(const std::string& line) {
  const std::lock_guard lock(mutex_);
  lines_.insert(line);
}

std::string Notices::text() const {
  const std::lock_guard lock(mutex_);
  if (lines_.empty()) return "notices of the device: none\n";
  std::string text = "notices of the device:\n";
  for (const std::string& line : lines_) text += "  " + line + "\n";
  return text;
}

Notices& device_notices() {
  static Notices notices;
  return notices;
}

}  // namespace echo::device_check
