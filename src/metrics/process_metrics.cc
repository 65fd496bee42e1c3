#include "metrics/process_metrics.h"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace echo {
namespace {

// The fields of /proc/self/stat after the name, which may hold spaces: field 3 is at 0.
std::vector<double> stat_fields() {
  std::ifstream file("/proc/self/stat");
  std::string line;
  std::getline(file, line);
  const size_t name_end = line.rfind(')');
  if (name_end == std::string::npos) return {};
  std::istringstream words(line.substr(name_end + 1));
  std::string word;
  words >> word;  // the state is a letter
  std::vector<double> fields{0};
  double value;
  while (words >> value) fields.push_back(value);
  return fields;
}

double boot_time() {
  std::ifstream file("/proc/stat");
  std::string word;
  double value = 0;
  while (file >> word) {
    if (word == "btime" && file >> value) return value;
  }
  return 0;
}

}  // namespace

std::vector<ProcessNumber> process_numbers() {
  std::vector<ProcessNumber> numbers;
  const std::vector<double> stat = stat_fields();
  const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  if (stat.size() > 21) {
    numbers.push_back({"process_cpu_seconds_total", "User and system CPU time.", true,
                       (stat[11] + stat[12]) / ticks});
    numbers.push_back({"process_threads", "Threads.", false, stat[17]});
    numbers.push_back({"process_start_time_seconds", "Start, in seconds since 1970.", false,
                       boot_time() + stat[19] / ticks});
    numbers.push_back({"process_virtual_memory_bytes", "Virtual memory.", false, stat[20]});
    numbers.push_back({"process_resident_memory_bytes", "Resident memory.", false,
                       stat[21] * static_cast<double>(::sysconf(_SC_PAGESIZE))});
  }
  std::error_code error;
  double descriptors = 0;
  for (std::filesystem::directory_iterator one("/proc/self/fd", error), end; !error && one != end;
       one.increment(error)) {
    ++descriptors;
  }
  if (!error) {
    // The listing itself holds one.
    numbers.push_back({"process_open_fds", "Open file descriptors.", false, descriptors - 1});
  }
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    numbers.push_back({"process_max_fds", "Most file descriptors that may be open.", false,
                       static_cast<double>(limit.rlim_cur)});
  }
  return numbers;
}

}  // namespace echo
