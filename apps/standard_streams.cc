#include "apps/standard_streams.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <iostream>
#include <string>

#include "apps/command.h"
#include "base/file_io.h"

namespace echo::apps {

void open_closed_streams() {
  for (const int number : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(number, F_GETFD) >= 0 || errno != EBADF) continue;
    // The lowest free number is taken, and those below are open by now. Reading standard input
    // ends at once; writing to standard output fails.
    ::open("/dev/null", number == STDERR_FILENO ? O_WRONLY : O_RDONLY);
  }
}

int finish_output(int status) {
  errno = 0;
  const bool failed_before = std::ferror(stdout) != 0 || !std::cout.good();
  const bool flushed = std::fflush(stdout) == 0 && std::cout.flush().good();
  if ((flushed && !failed_before) || status != kSuccess) return status;
  const std::string reason = flushed || errno == 0 ? "part of it is lost" : system_reason(errno);
  std::fprintf(stderr, "echo-tts: standard output: cannot be written: %s\n", reason.c_str());
  return kFailure;
}

}  // namespace echo::apps
