// A mutex whose rules are written where they are checked: clang's -Wthread-safety reads them
// (scripts/check-threads), other compilers see a plain mutex.
//
//   class Account {
//     void pay(int sum) { const MutexLock lock(mutex_); balance_ += sum; note(); }
//     void note() ECHO_REQUIRES(mutex_);
//     Mutex mutex_;
//     int balance_ ECHO_GUARDED_BY(mutex_) = 0;
//   };
//
// To wait, use std::condition_variable_any with a MutexLock; a predicate that looks at what is
// guarded says so: [this]() ECHO_REQUIRES(mutex_) { return balance_ > 0; }.
#pragma once

#include <mutex>

#if defined(__clang__)
#define ECHO_THREAD_ATTRIBUTE(x) __attribute__((x))
#else
#define ECHO_THREAD_ATTRIBUTE(x)
#endif

// Of a member: only to be touched with that mutex held.
#define ECHO_GUARDED_BY(mutex) ECHO_THREAD_ATTRIBUTE(guarded_by(mutex))
// Of a function: to be called with that mutex held, or without it.
#define ECHO_REQUIRES(...) ECHO_THREAD_ATTRIBUTE(requires_capability(__VA_ARGS__))
#define ECHO_EXCLUDES(...) ECHO_THREAD_ATTRIBUTE(locks_excluded(__VA_ARGS__))

namespace echo {

class ECHO_THREAD_ATTRIBUTE(capability("mutex")) Mutex {
 public:
  void lock() ECHO_THREAD_ATTRIBUTE(acquire_capability()) { mutex_.lock(); }
  void unlock() ECHO_THREAD_ATTRIBUTE(release_capability()) { mutex_.unlock(); }

 private:
  std::mutex mutex_;
};

// Holds a mutex from its construction to its end, but for the time between unlock() and lock().
class ECHO_THREAD_ATTRIBUTE(scoped_lockable) MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) ECHO_THREAD_ATTRIBUTE(acquire_capability(mutex))
      : mutex_(mutex) {
    mutex_.lock();
  }
  ~MutexLock() ECHO_THREAD_ATTRIBUTE(release_capability()) {
    if (held_) mutex_.unlock();
  }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

  void lock() ECHO_THREAD_ATTRIBUTE(acquire_capability()) {
    mutex_.lock();
    held_ = true;
  }
  void unlock() ECHO_THREAD_ATTRIBUTE(release_capability()) {
    held_ = false;
    mutex_.unlock();
  }

 private:
  Mutex& mutex_;
  bool held_ = true;
};

}  // namespace echo
