// What the devices of this program told: shown at the end, where it is not overlooked.
#pragma once

#include <mutex>
#include <set>
#include <string>

namespace echo::device_check {

// Any thread may call.
class Notices {
 public:
  void add(const std::string& line);
  // Each line once.
  std::string text() const;

 private:
  mutable std::mutex mutex_;
  std::set<std::string> lines_;
};

// The one of all devices that make_device() makes.
Notices& device_notices();

}  // namespace echo::device_check
