#include "support/kill_points.h"

#include <fcntl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <set>
#include <stdexcept>
#include <string>

namespace echo {
namespace {

constexpr int kNoTracing = 97;  // exit status of a child that may not be traced
constexpr int kCallStop = SIGTRAP | 0x80;

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error("kill points: " + what + ": " + std::strerror(errno));
}

bool changes_files(const __ptrace_syscall_info& call) {
  static const std::set<uint64_t> kChanging = {
      SYS_mkdirat, SYS_unlinkat,  SYS_symlinkat, SYS_linkat, SYS_renameat2, SYS_ftruncate,
      SYS_fsync,   SYS_fdatasync, SYS_flock,     SYS_fchmod, SYS_utimensat, SYS_truncate,
#ifdef SYS_rename  // machines of before these had names with "at"
      SYS_mkdir,   SYS_unlink,    SYS_symlink,   SYS_link,   SYS_rename,    SYS_renameat,
      SYS_rmdir,   SYS_creat,
#endif
  };
  if (call.entry.nr == SYS_openat) return (call.entry.args[2] & O_CREAT) != 0;
#ifdef SYS_open
  if (call.entry.nr == SYS_open) return (call.entry.args[1] & O_CREAT) != 0;
#endif
  return kChanging.contains(call.entry.nr);
}

// A child in a process group of its own, so that its threads can be waited for and no one else's.
class TracedChild {
 public:
  explicit TracedChild(const std::function<void()>& work) {
    pid_ = ::fork();
    if (pid_ < 0) fail("fork");
    if (pid_ == 0) {
      ::setpgid(0, 0);
      if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) ::_exit(kNoTracing);
      ::raise(SIGSTOP);
      work();
      ::_exit(0);
    }
  }
  ~TracedChild() {
    if (pid_ < 0) return;
    ::kill(pid_, SIGKILL);
    while (::waitpid(-pid_, nullptr, __WALL) > 0) {
    }
  }
  TracedChild(const TracedChild&) = delete;
  TracedChild& operator=(const TracedChild&) = delete;

  enum class End { kKilled, kFinished, kNotTraced };

  End run(KillPoints points, int kill_at) {
    int status = 0;
    if (::waitpid(pid_, &status, __WALL) != pid_) fail("waitpid");
    if (WIFEXITED(status) && WEXITSTATUS(status) == kNoTracing) return ended(End::kNotTraced);
    const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL | PTRACE_O_TRACECLONE;
    if (::ptrace(PTRACE_SETOPTIONS, pid_, nullptr, options) != 0) fail("ptrace");
    pid_t stopped = pid_;
    int signal = 0;
    for (int seen = 0;;) {
      // A thread may be gone by now.
      if (::ptrace(PTRACE_SYSCALL, stopped, nullptr, signal) != 0 && errno != ESRCH) fail("ptrace");
      stopped = ::waitpid(-pid_, &status, __WALL);
      if (stopped < 0) fail("waitpid");
      signal = 0;
      if (!WIFSTOPPED(status)) {
        if (stopped != pid_) continue;
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
          throw std::runtime_error("kill points: the work ended with wait status " +
                                   std::to_string(status));
        }
        return ended(End::kFinished);
      }
      const int stop = WSTOPSIG(status);
      if (stop == kCallStop) {
        if (is_point(stopped, points) && seen++ == kill_at) return End::kKilled;
      } else if (stop != SIGTRAP && stop != SIGSTOP) {
        signal = stop;  // its own, not one of tracing
      }
    }
  }

 private:
  End ended(End end) {
    pid_ = -1;
    return end;
  }

  static bool is_point(pid_t thread, KillPoints points) {
    __ptrace_syscall_info call{};
    if (::ptrace(PTRACE_GET_SYSCALL_INFO, thread, sizeof call, &call) <= 0) return false;
    if (call.op != PTRACE_SYSCALL_INFO_ENTRY) return false;
    return points == KillPoints::kEveryCall || changes_files(call);
  }

  pid_t pid_ = -1;
};

}  // namespace

int kill_at_every_point(KillPoints points, const KillTrial& trial) {
  for (int killed_at = 0;; ++killed_at) {
    trial.prepare();
    TracedChild::End end;
    {
      TracedChild child(trial.work);
      end = child.run(points, killed_at);
    }
    if (end == TracedChild::End::kNotTraced) return -1;
    trial.check(killed_at);
    if (end == TracedChild::End::kFinished) return killed_at;
  }
}

}  // namespace echo
