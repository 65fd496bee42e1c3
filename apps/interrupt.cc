#include "apps/interrupt.h"

#include <signal.h>
#include <unistd.h>

namespace echo::apps {
namespace {

volatile sig_atomic_t received_signal = 0;

void on_signal(int signal) {
  if (received_signal != 0) _exit(128 + signal);
  received_signal = signal;
}

}  // namespace

void catch_interrupts() {
  struct sigaction action = {};
  action.sa_handler = on_signal;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

bool interrupted() { return received_signal != 0; }

int interrupt_exit_code() { return 128 + static_cast<int>(received_signal); }

}  // namespace echo::apps
