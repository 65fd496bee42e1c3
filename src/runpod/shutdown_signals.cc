#include "runpod/shutdown_signals.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>

#include "base/error.h"

namespace echo::runpod {
namespace {

sigset_t shutdown_set() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  return set;
}

}  // namespace

ShutdownSignals::ShutdownSignals(std::function<void(int signal)> on_signal) {
  const sigset_t set = shutdown_set();
  std::signal(SIGPIPE, SIG_IGN);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signals_ = ::signalfd(-1, &set, SFD_CLOEXEC);
  wake_ = ::eventfd(0, EFD_CLOEXEC);
  if (signals_ < 0 || wake_ < 0) throw_internal("cannot listen for signals");
  thread_ = std::thread([this, on_signal = std::move(on_signal)] {
    pollfd waiting[2] = {{signals_, POLLIN, 0}, {wake_, POLLIN, 0}};
    while (true) {
      if (::poll(waiting, 2, -1) < 0) continue;  // interrupted
      if (waiting[1].revents != 0) return;
      signalfd_siginfo info{};
      if (::read(signals_, &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
        on_signal(static_cast<int>(info.ssi_signo));
      }
    }
  });
}

ShutdownSignals::~ShutdownSignals() {
  const uint64_t one = 1;
  if (::write(wake_, &one, sizeof one) != static_cast<ssize_t>(sizeof one)) std::abort();
  thread_.join();
  ::close(signals_);
  ::close(wake_);
  const sigset_t set = shutdown_set();
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

}  // namespace echo::runpod
