// A thread for work that would hold up the server's own.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>

namespace echo::http {

// Does one thing after the other. Threads: any.
class BackgroundThread {
 public:
  // At most so many things wait.
  explicit BackgroundThread(std::size_t capacity);
  // What still waits is dropped; what runs is waited for.
  ~BackgroundThread();
  BackgroundThread(const BackgroundThread&) = delete;
  BackgroundThread& operator=(const BackgroundThread&) = delete;

  // False: too much waits, nothing will be done. `work` must not throw.
  bool post(std::function<void()> work);

 private:
  void run(std::stop_token stop);

  const std::size_t capacity_;
  std::mutex mutex_;
  std::condition_variable_any posted_;
  std::deque<std::function<void()>> waiting_;
  std::jthread thread_;  // last: it uses the others
};

}  // namespace echo::http
