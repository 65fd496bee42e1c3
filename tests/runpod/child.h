// Starting and watching the worker process.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace echo::runpod {

class Child {
 public:
  // Starts the worker process in `directory`, with exactly these variables; its output goes to a
  // file outside of that directory.
  Child(std::map<std::string, std::string> environment, const std::filesystem::path& directory,
        const std::vector<std::string>& arguments = {});
  ~Child();  // kills it if it still runs
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  void send(int signal) const;
  // The exit code, 128 + n if signal n ended it; nothing if it still runs after `time`.
  std::optional<int> wait(std::chrono::milliseconds time = std::chrono::milliseconds(120'000));

  std::string output() const;
  long resident_kilobytes() const { return status_field("VmRSS:"); }
  long threads() const { return status_field("Threads:"); }
  long descriptors() const;

 private:
  long status_field(const std::string& name) const;

  pid_t pid_ = -1;
  std::optional<int> code_;
  std::filesystem::path output_;
};

}  // namespace echo::runpod
