// SIGTERM and SIGINT as ordinary function calls.
#pragma once

#include <functional>
#include <thread>

namespace echo::runpod {

// While it lives, the two signals are blocked for the calling thread and every thread it starts
// afterwards, and each arrival is handed to a function on a thread of its own; SIGPIPE is ignored.
// Make it first thing in main. At most one at a time.
class ShutdownSignals {
 public:
  // Throws kInternal when the system refuses.
  explicit ShutdownSignals(std::function<void(int signal)> on_signal);
  ~ShutdownSignals();
  ShutdownSignals(const ShutdownSignals&) = delete;
  ShutdownSignals& operator=(const ShutdownSignals&) = delete;

 private:
  int signals_ = -1;
  int wake_ = -1;
  std::thread thread_;
};

}  // namespace echo::runpod
