// Ctrl-C and SIGTERM as a flag that long work asks for.
#pragma once

namespace echo::apps {

// From now on the first SIGINT or SIGTERM sets the flag, a second one ends the process at once.
void catch_interrupts();
bool interrupted();
// 128 + the signal that came.
int interrupt_exit_code();

}  // namespace echo::apps
