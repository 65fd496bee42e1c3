#include "base/processors.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

namespace echo {
namespace {

namespace fs = std::filesystem;

constexpr int kMaxProcessors = 1 << 16;

std::vector<int> affinity_of_thread() {
  std::vector<int> processors;
  // The kernel refuses a mask that is shorter than its own.
  for (int size = 1024; size <= kMaxProcessors; size *= 2) {
    cpu_set_t* set = CPU_ALLOC(static_cast<size_t>(size));
    if (!set) break;
    const size_t bytes = CPU_ALLOC_SIZE(static_cast<size_t>(size));
    const bool told = ::sched_getaffinity(0, bytes, set) == 0;
    for (int i = 0; told && i < size; ++i) {
      if (CPU_ISSET_S(static_cast<size_t>(i), bytes, set)) processors.push_back(i);
    }
    CPU_FREE(set);
    if (told) break;
  }
  return processors;
}

// From "200000 100000", "max 100000" or "-1": what a period may take, as processors.
std::optional<double> quota_of(double quota, double period) {
  if (!(quota > 0 && period > 0)) return {};
  return quota / period;
}

std::optional<double> quota_in_v2(const fs::path& group) {
  std::ifstream in(group / "cpu.max");
  double quota = 0, period = 0;
  if (!(in >> quota >> period)) return {};  // "max" too
  return quota_of(quota, period);
}

std::optional<double> quota_in_v1(const fs::path& group) {
  std::ifstream quotas(group / "cpu.cfs_quota_us"), periods(group / "cpu.cfs_period_us");
  double quota = 0, period = 0;
  if (!(quotas >> quota) || !(periods >> period)) return {};
  return quota_of(quota, period);
}

// The least of the group's and of those above it, up to the mount. In a container the path may be
// the host's and not exist here; the mount itself is then the container's group.
template <class Read>
void lower(std::optional<double>& least, const fs::path& mount, const fs::path& group, Read read) {
  fs::path path = group.relative_path().lexically_normal();
  if (path.string().starts_with("..")) path.clear();  // outside what the mount shows
  while (true) {
    const std::optional<double> quota = read(mount / path);
    if (quota && (!least || *quota < *least)) least = quota;
    if (path.empty() || path == ".") return;
    path = path.parent_path();
  }
}

bool names_cpu(const std::string& controllers) {
  std::istringstream names(controllers);
  for (std::string name; std::getline(names, name, ',');) {
    if (name == "cpu") return true;
  }
  return false;
}

std::optional<double> control_group_quota(const fs::path& root) {
  std::optional<double> least;
  const fs::path groups = root / "sys/fs/cgroup";
  std::ifstream in(root / "proc/self/cgroup");
  // "0::/path" of version 2, "4:cpu,cpuacct:/path" of version 1.
  for (std::string line; std::getline(in, line);) {
    const size_t first = line.find(':');
    const size_t second = first == line.npos ? first : line.find(':', first + 1);
    if (second == line.npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const fs::path path = line.substr(second + 1);
    if (controllers.empty()) {
      lower(least, groups, path, quota_in_v2);
      lower(least, groups / "unified", path, quota_in_v2);
    } else if (names_cpu(controllers)) {
      lower(least, groups / controllers, path, quota_in_v1);
      lower(least, groups / "cpu", path, quota_in_v1);
    }
  }
  return least;
}

// Whether a list of ranges, "0-3,8", names one of the processors.
bool names_any(const std::string& list, const std::vector<int>& processors) {
  std::istringstream ranges(list);
  for (std::string range; std::getline(ranges, range, ',');) {
    int first = 0, last = 0;
    const int numbers = std::sscanf(range.c_str(), "%d-%d", &first, &last);
    if (numbers < 1) continue;
    if (numbers == 1) last = first;
    if (std::any_of(processors.begin(), processors.end(),
                    [&](int processor) { return first <= processor && processor <= last; })) {
      return true;
    }
  }
  return false;
}

int numa_nodes(const fs::path& root, const std::vector<int>& processors) {
  int nodes = 0;
  for (int i = 0; i < 1024; ++i) {
    const fs::path node = root / ("sys/devices/system/node/node" + std::to_string(i));
    std::ifstream in(node / "cpulist");
    std::string list;
    if (std::getline(in, list) && names_any(list, processors)) ++nodes;
  }
  return std::max(1, nodes);
}

std::string short_number(double value) {
  std::ostringstream text;
  text << std::round(value * 100) / 100;
  return text.str();
}

}  // namespace

int ProcessorAllowance::threads() const {
  const double processors = std::min<double>(affinity, quota.value_or(affinity));
  return std::max(1, static_cast<int>(std::ceil(processors - 1e-6)));
}

std::string ProcessorAllowance::text() const {
  std::string limits;
  if (quota && *quota < affinity) limits = "control group: " + short_number(*quota);
  if (affinity < online) {
    limits += (limits.empty() ? "" : ", ") + ("affinity: " + std::to_string(affinity));
  }
  return std::to_string(threads()) + " of " + std::to_string(online) + " processors" +
         (limits.empty() ? "" : " (" + limits + ")") +
         (numa_nodes > 1 ? ", on " + std::to_string(numa_nodes) + " NUMA nodes" : "");
}

ProcessorAllowance processor_allowance(const std::string& root) {
  ProcessorAllowance allowance;
  const std::vector<int> processors = affinity_of_thread();
  allowance.online = std::max(1, static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN)));
  allowance.affinity = processors.empty() ? allowance.online : static_cast<int>(processors.size());
  allowance.quota = control_group_quota(root);
  allowance.numa_nodes = numa_nodes(root, processors);
  return allowance;
}

}  // namespace echo
