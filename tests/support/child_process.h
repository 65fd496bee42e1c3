// A program that a test starts and ends.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace echo {

class ChildProcess {
 public:
  // Found through PATH; standard output can be read, standard error goes to ours. Throws
  // std::runtime_error if it cannot be started.
  explicit ChildProcess(const std::vector<std::string>& command,
                        const std::vector<std::string>& environment = {});
  ~ChildProcess();  // asks it to end (SIGTERM), then kills it and what it started in its group
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  // The next line of its output; nothing when it ended or the time is over.
  std::optional<std::string> read_line(std::chrono::milliseconds patience);
  std::string read_all();

  pid_t pid() const { return pid_; }
  void signal(int number);
  // Waits for the end. The exit status, or minus the signal that ended it.
  int wait();

 private:
  bool ends_within(std::chrono::milliseconds patience);
  bool fill(std::chrono::milliseconds patience);

  pid_t pid_ = -1;
  int output_ = -1;
  std::optional<int> status_;
  std::string buffer_;
};

// Runs it to its end and returns what it printed. Throws std::runtime_error on another status than
// 0.
std::string run_program(const std::vector<std::string>& command,
                        const std::vector<std::string>& environment = {});

}  // namespace echo
