#include "support/subprocess.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stdexcept>

extern char** environ;

namespace echo {
namespace {

struct Pipe {
  int ends[2];
  Pipe() {
    if (pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("pipe failed");
  }
};

// Reads what is there; false at the end.
bool read_some(int descriptor, std::string& to) {
  char buffer[4096];
  const ssize_t count = read(descriptor, buffer, sizeof buffer);
  if (count <= 0) return false;
  to.append(buffer, static_cast<size_t>(count));
  return true;
}

}  // namespace

ProcessResult run_process(const std::vector<std::string>& arguments,
                          const ProcessOptions& options) {
  Pipe in, out, err;
  std::vector<char*> argv, environment;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  for (char** entry = environ; *entry; ++entry) environment.push_back(*entry);
  for (const std::string& entry : options.environment) {
    environment.push_back(const_cast<char*>(entry.c_str()));
  }
  environment.push_back(nullptr);

  const pid_t child = fork();
  if (child < 0) throw std::runtime_error("fork failed");
  if (child == 0) {
    dup2(in.ends[0], STDIN_FILENO);
    int output = out.ends[1];
    if (!options.output_file.empty()) output = open(options.output_file.c_str(), O_WRONLY);
    dup2(output, STDOUT_FILENO);
    dup2(err.ends[1], STDERR_FILENO);
    execve(argv[0], argv.data(), environment.data());
    _exit(127);
  }
  close(in.ends[0]);
  close(out.ends[1]);
  close(err.ends[1]);
  signal(SIGPIPE, SIG_IGN);
  // Short texts fit the pipe's buffer, so this does not block on a child that is slow to read.
  [[maybe_unused]] const ssize_t written =
      write(in.ends[1], options.input.data(), options.input.size());
  close(in.ends[1]);

  ProcessResult result;
  const auto end = std::chrono::steady_clock::now() + options.timeout;
  bool interrupted = options.interrupt_at.empty() && options.interrupt_after == 0;
  pollfd polls[2] = {{out.ends[0], POLLIN, 0}, {err.ends[0], POLLIN, 0}};
  while (polls[0].fd >= 0 || polls[1].fd >= 0) {
    if (std::chrono::steady_clock::now() > end) {
      kill(child, SIGKILL);
      result.err += "\n[killed after the time limit]";
      break;
    }
    poll(polls, 2, 100);
    if (polls[0].revents && !read_some(polls[0].fd, result.out)) polls[0].fd = -1;
    if (polls[1].revents && !read_some(polls[1].fd, result.err)) polls[1].fd = -1;
    const bool said =
        !options.interrupt_at.empty() && result.err.find(options.interrupt_at) != std::string::npos;
    if (!interrupted &&
        (said || (options.interrupt_after > 0 && result.out.size() >= options.interrupt_after))) {
      kill(child, SIGINT);
      interrupted = true;
    }
  }
  close(out.ends[0]);
  close(err.ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

}  // namespace echo
