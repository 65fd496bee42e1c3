// A program run to its end as a user would run it: with input, both outputs, and an interrupt.
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace echo {

struct ProcessResult {
  int exit_code = -1;  // 128 + signal when one ended it
  std::string out, err;
};

struct ProcessOptions {
  std::string input;                     // of standard input
  std::string output_file;               // standard output goes there instead of into the result
  std::vector<std::string> environment;  // NAME=value, beside the caller's own
  // SIGINT is sent as soon as this text stands on standard error.
  std::string interrupt_at;
  size_t interrupt_after = 0;         // or as soon as standard output has given so many bytes
  std::chrono::seconds timeout{600};  // then it is killed
};

// Runs the program and waits for its end.
ProcessResult run_process(const std::vector<std::string>& arguments,
                          const ProcessOptions& options = {});

}  // namespace echo
