#include "apps/interrupt.h"

#include <semaphore.h>
#include <signal.h>
#include <unistd.h>

#include <thread>

namespace echo::apps {
namespace {

volatile sig_atomic_t received_signal = 0;
sem_t arrival;

// A handler may do no more than this; whoever is told of the stop may do anything.
void on_signal(int signal) {
  if (received_signal != 0) _exit(128 + signal);
  received_signal = signal;
  sem_post(&arrival);
}

// Never destroyed: its thread may wait until the process ends.
std::stop_source& begin_to_wait() {
  static std::stop_source& stop = *new std::stop_source;
  sem_init(&arrival, 0, 0);
  std::thread([] {
    while (sem_wait(&arrival) != 0) {  // another signal came
    }
    stop.request_stop();
  }).detach();
  struct sigaction action = {};
  action.sa_handler = on_signal;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  return stop;
}

}  // namespace

std::stop_token catch_interrupts() {
  static const std::stop_source& stop = begin_to_wait();
  return stop.get_token();
}

int interrupt_exit_code() { return 128 + static_cast<int>(received_signal); }

}  // namespace echo::apps
