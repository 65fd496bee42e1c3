#include "bench/cold_start_bench.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "base/file_io.h"
#include "bench/page_cache.h"

namespace echo::bench {
namespace {

namespace fs = std::filesystem;

// A folder for what the workers say, removed with this.
class Scratch {
 public:
  Scratch() {
    std::string name = (fs::temp_directory_path() / "echo-cold-start.XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw_unavailable(name + ": cannot be made");
    folder_ = name;
  }
  ~Scratch() {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  std::string report() const { return folder_ / "report"; }
  std::string log() const { return folder_ / "log"; }

 private:
  fs::path folder_;
};

int run(const std::vector<std::string>& command, const std::string& log) {
  std::vector<char*> words;
  for (const std::string& word : command) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  posix_spawn_file_actions_t files;
  ::posix_spawn_file_actions_init(&files);
  ::posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, log.c_str(),
                                     O_WRONLY | O_CREAT | O_TRUNC, 0600);
  ::posix_spawn_file_actions_adddup2(&files, STDOUT_FILENO, STDERR_FILENO);
  pid_t child = 0;
  const int failure = ::posix_spawn(&child, words[0], &files, nullptr, words.data(), ::environ);
  ::posix_spawn_file_actions_destroy(&files);
  if (failure != 0) throw_unavailable(command[0] + ": cannot be run: " + system_reason(failure));
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

std::string last_line(const std::string& file) {
  std::string text = read_file(file);
  while (text.ends_with('\n')) text.pop_back();
  return text.substr(text.rfind('\n') + 1);
}

std::set<fs::path> files_of(const ModelFiles& model) { return {model.dit, model.codec, model.pca}; }

ColdStartRun measure(const ColdStartOptions& options, bool cold) {
  const Scratch scratch;
  uint64_t cached = 0;
  for (const fs::path& file : files_of(options.files)) {
    cold ? drop_cache(file) : fill_cache(file);
  }
  for (const fs::path& file : files_of(options.files)) cached += cached_bytes(file);
  std::vector<std::string> command{options.program, "worker", "--warmup", "--start-report",
                                   scratch.report()};
  command.insert(command.end(), options.arguments.begin(), options.arguments.end());
  if (const int code = run(command, scratch.log()); code != 0) {
    throw_unavailable("a worker ended with exit code " + std::to_string(code) + ": " +
                      last_line(scratch.log()));
  }
  const auto report = nlohmann::ordered_json::parse(read_file(scratch.report()));
  ColdStartRun result;
  for (const auto& [stage, seconds] : report.at("stages").items()) {
    result.stages.emplace_back(stage, seconds.get<double>());
  }
  result.seconds = report.at("seconds");
  result.cached_bytes = cached;
  result.disk_bytes = report.at("disk_bytes");
  result.read_bytes = report.at("read_bytes");
  return result;
}

ColdStartRun fastest(const ColdStartOptions& options, bool cold,
                     const std::function<void(const std::string&)>& progress) {
  ColdStartRun best;
  for (int i = 0; i < options.repetitions; ++i) {
    const ColdStartRun run = measure(options, cold);
    char text[96];
    std::snprintf(text, sizeof text, "page cache %s: ready in %.2f s", cold ? "cold" : "warm",
                  run.seconds);
    progress(text);
    if (i == 0 || run.seconds < best.seconds) best = run;
  }
  return best;
}

double gigabytes(uint64_t bytes) { return static_cast<double>(bytes) / 1e9; }

}  // namespace

ColdStartResult run_cold_start_bench(const ColdStartOptions& options,
                                     const std::function<void(const std::string&)>& progress) {
  ColdStartResult result;
  for (const fs::path& file : files_of(options.files)) result.file_bytes += fs::file_size(file);
  result.warm = fastest(options, false, progress);
  result.cold = fastest(options, true, progress);
  return result;
}

std::string ColdStartResult::table() const {
  char line[160];
  std::snprintf(line, sizeof line, "%.2f GB of files, of which loading needs %.2f GB\n\n%-20s",
                gigabytes(file_bytes), gigabytes(warm.read_bytes), "page cache");
  std::string text = line;
  for (const auto& [stage, seconds] : warm.stages) {
    std::snprintf(line, sizeof line, " %9s", stage.c_str());
    text += line;
  }
  text += "     ready    cached before   from disk\n";
  for (const ColdStartRun* run : {&warm, &cold}) {
    std::snprintf(line, sizeof line, "%-20s", run == &warm ? "warm" : "cold");
    text += line;
    for (const auto& [stage, seconds] : run->stages) {
      std::snprintf(line, sizeof line, " %7.2f s", seconds);
      text += line;
    }
    std::snprintf(line, sizeof line, " %7.2f s %13.2f GB %8.2f GB\n", run->seconds,
                  gigabytes(run->cached_bytes), gigabytes(run->disk_bytes));
    text += line;
  }
  return text;
}

}  // namespace echo::bench
