// Ctrl-C and SIGTERM as a stop token.
#pragma once

#include <stop_token>

namespace echo::apps {

// From now on the first SIGINT or SIGTERM requests the token's stop, a second one ends the process
// at once. Any thread; the first call starts a thread that waits for signals until the process
// ends.
std::stop_token catch_interrupts();

// 128 + the signal that came.
int interrupt_exit_code();

}  // namespace echo::apps
