// Threads that read host memory, above all mapped files.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <thread>
#include <vector>

namespace echo::cuda {

// One thread cannot bring a file from the page cache as fast as a device takes it: it meets every
// page for the first time. One caller at a time.
class Readers {
 public:
  // threads: the caller among them; 0: as many as help.
  explicit Readers(int threads = 0);
  ~Readers();
  Readers(const Readers&) = delete;
  Readers& operator=(const Readers&) = delete;

  // memcpy by all threads; returns when it is done.
  void copy(void* to, const void* from, size_t bytes);
  int threads() const { return static_cast<int>(others_.size()) + 1; }

 private:
  struct Work {
    char* to = nullptr;
    const char* from = nullptr;
    size_t bytes = 0;
  };
  void run();
  // Copies slices until none is left.
  void copy_slices(const Work& work);

  std::mutex mutex_;
  std::condition_variable changed_;
  Work work_;                    // guarded, as the next two
  unsigned generation_ = 0;      // of the work
  unsigned busy_ = 0;            // others that have not finished it
  bool stopping_ = false;        // guarded
  std::atomic<size_t> next_{0};  // slice
  std::vector<std::jthread> others_;
};

}  // namespace echo::cuda
