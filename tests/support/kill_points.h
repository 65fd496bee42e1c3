// Processes that are killed at one system call after the other.
#pragma once

#include <functional>

namespace echo {

enum class KillPoints {
  kEveryCall,
  kCallsThatChangeFiles  // makes, names, removes, cuts, locks or flushes them: for whole programs
};

struct KillTrial {
  std::function<void()> prepare = [] {};  // here, before each run
  // In a process of its own. It may execute a program; then all threads of that are watched.
  std::function<void()> work;
  // Here, after each run; `killed_at` counts from 0.
  std::function<void(int killed_at)> check;
};

// Runs the work again and again and kills it (SIGKILL) before its first call, before its second,
// and so on until a run comes to its end, which check() sees too. Returns how many runs were
// killed, or -1 where processes may not be traced. Throws std::runtime_error when the system fails,
// or a run ends in another way than with status 0.
int kill_at_every_point(KillPoints points, const KillTrial& trial);

}  // namespace echo
