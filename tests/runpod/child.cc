#include "child.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

namespace echo::runpod {

Child::Child(std::map<std::string, std::string> environment, const std::filesystem::path& directory,
             const std::vector<std::string>& arguments) {
  static std::atomic<int> count{0};
  output_ = std::filesystem::temp_directory_path() /
            ("worker_output_" + std::to_string(::getpid()) + "_" + std::to_string(++count));
  std::vector<std::string> words = {RUNPOD_WORKER_PROCESS};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<std::string> variables;
  for (const auto& [name, value] : environment) variables.push_back(name + "=" + value);
  const auto pointers = [](std::vector<std::string>& texts) {
    std::vector<char*> result;
    for (std::string& text : texts) result.push_back(text.data());
    result.push_back(nullptr);
    return result;
  };
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, output_.c_str(),
                                   O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
  posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
  posix_spawn_file_actions_addchdir_np(&actions, directory.c_str());
  const int failure = ::posix_spawn(&pid_, words[0].c_str(), &actions, nullptr,
                                    pointers(words).data(), pointers(variables).data());
  posix_spawn_file_actions_destroy(&actions);
  if (failure != 0) throw std::runtime_error("cannot start " + words[0]);
}

Child::~Child() {
  if (!code_) {
    send(SIGKILL);
    wait();
  }
  std::filesystem::remove(output_);
}

void Child::send(int signal) const { ::kill(pid_, signal); }

std::optional<int> Child::wait(std::chrono::milliseconds time) {
  const auto end = std::chrono::steady_clock::now() + time;
  while (!code_) {
    int status = 0;
    if (::waitpid(pid_, &status, WNOHANG) == pid_) {
      code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    } else if (std::chrono::steady_clock::now() >= end) {
      return std::nullopt;
    } else {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  }
  return code_;
}

std::string Child::output() const {
  std::ostringstream text;
  text << std::ifstream(output_).rdbuf();
  return text.str();
}

long Child::status_field(const std::string& name) const {
  std::ifstream file("/proc/" + std::to_string(pid_) + "/status");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind(name, 0) == 0) return std::stol(line.substr(name.size()));
  }
  return -1;
}

long Child::descriptors() const {
  std::error_code failure;
  const std::filesystem::directory_iterator entries("/proc/" + std::to_string(pid_) + "/fd",
                                                    failure);
  return failure ? -1 : std::distance(begin(entries), end(entries));
}

}  // namespace echo::runpod
