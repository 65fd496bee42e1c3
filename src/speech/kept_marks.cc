#include "speech/kept_marks.h"

#include <chrono>
#include <fstream>

#include "base/atomic_file.h"

namespace echo {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::hours kOrphaned{1};

// "SIZE SECONDS.NANOSECONDS"
std::string state_of(const struct stat& status) {
  std::string nanoseconds = std::to_string(status.st_mtim.tv_nsec);
  nanoseconds.insert(0, 9 - nanoseconds.size(), '0');
  return std::to_string(status.st_size) + " " + std::to_string(status.st_mtim.tv_sec) + "." +
         nanoseconds;
}

}  // namespace

KeptMarks::KeptMarks(const fs::path& folder) : folder_(folder), marks_(folder / ".echo-tts-kept") {}

bool KeptMarks::has(const std::string& name, const struct stat& status) const {
  if (!S_ISREG(status.st_mode)) return false;
  std::ifstream mark(marks_ / name);
  const std::string state = state_of(status);
  for (std::string line; std::getline(mark, line);) {
    if (line == state) return true;
  }
  return false;
}

int KeptMarks::add(const std::string& name, const struct stat& status) const {
  std::error_code error;
  fs::create_directories(marks_, error);
  if (error) return error.value();
  // Until the new file has the name, the one that has it must not become a stranger's.
  std::string text = state_of(status) + "\n";
  struct stat before {};
  if (::lstat((folder_ / name).c_str(), &before) == 0 && has(name, before)) {
    text += state_of(before) + "\n";
  }
  AtomicFile mark;
  int code = mark.create(marks_ / name);
  if (code == 0) code = mark.write(text);
  if (code == 0) code = mark.commit(Durability::kWhole);
  return code;
}

void KeptMarks::remove(const std::string& name) const {
  std::error_code ignored;
  fs::remove(marks_ / name, ignored);
}

std::vector<std::string> KeptMarks::names() const {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator it(marks_, error), end; !error && it != end; it.increment(error)) {
    std::string name = it->path().filename();
    if (!name.starts_with('.')) names.push_back(std::move(name));
  }
  return names;
}

void KeptMarks::clean() const {
  std::error_code error;
  for (const std::string& name : names()) {
    if (fs::symlink_status(folder_ / name, error).type() != fs::file_type::not_found) continue;
    // A new one may be that of a file which is about to get its name.
    const auto written = fs::last_write_time(marks_ / name, error);
    if (!error && fs::file_time_type::clock::now() - written > kOrphaned) remove(name);
  }
}

}  // namespace echo
