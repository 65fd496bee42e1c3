// How the threads of the kernels wait for each other.
#pragma once

namespace echo::apps {

// Threads spin only for some microseconds between kernels, where the OpenMP runtime's default is
// milliseconds: on a machine with other work, or under a processor quota, those are taken from the
// threads that have work. The runtime reads its variables when it is loaded, so the program starts
// itself anew once, as the same process. Does nothing where OMP_WAIT_POLICY or GOMP_SPINCOUNT is
// set, or when the program cannot be started that way.
void shorten_thread_waits(char** argv);

}  // namespace echo::apps
