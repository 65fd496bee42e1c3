// Lines on their way to somebody who may be slow, or may never take them.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace echo {

// A thread of its own hands the lines on, one after the other. What does not fit (1 MiB) is dropped
// and counted. Threads: add() may be called from any thread.
class LineQueue {
 public:
  using Write = std::function<void(std::string_view line)>;       // may block, for ever too
  using Missing = std::function<std::string(std::size_t count)>;  // the line that tells of a gap

  LineQueue(Write write, Missing missing);
  ~LineQueue();  // waits for the thread for at most two seconds
  LineQueue(const LineQueue&) = delete;
  LineQueue& operator=(const LineQueue&) = delete;

  // Waits a moment for the line to be written, so that the last ones before a crash are kept; but
  // not again before the writer has caught up, when it once was in vain.
  void add(std::string_view line);

 private:
  class State;
  std::shared_ptr<State> state_;  // shared with the thread, which may outlive this
};

}  // namespace echo
