#include "base/system_memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <optional>
#include <sstream>

namespace echo {
namespace {

std::optional<uint64_t> read_number(const std::string& file) {
  std::ifstream in(file);
  uint64_t value = 0;
  return in >> value ? std::optional(value) : std::nullopt;  // nothing for "max"
}

// The number behind `key` in a file of lines "key value ...".
std::optional<uint64_t> read_field(const std::string& file, const std::string& key) {
  std::ifstream in(file);
  std::string line;
  while (std::getline(in, line)) {
    std::istringstream fields(line);
    std::string name;
    uint64_t value = 0;
    if (fields >> name >> value && name == key) return value;
  }
  return std::nullopt;
}

struct ControlGroup {
  std::optional<uint64_t> limit, used, cache;
};

ControlGroup control_group(const std::string& root) {
  const std::string groups = root + "sys/fs/cgroup/";
  ControlGroup group{read_number(groups + "memory.max"), read_number(groups + "memory.current"),
                     read_field(groups + "memory.stat", "inactive_file")};
  if (group.limit) return group;
  return {read_number(groups + "memory/memory.limit_in_bytes"),
          read_number(groups + "memory/memory.usage_in_bytes"),
          read_field(groups + "memory/memory.stat", "total_inactive_file")};
}

}  // namespace

SystemMemory system_memory(const std::string& root) {
  SystemMemory memory{read_field(root + "proc/meminfo", "MemTotal:"),
                      read_field(root + "proc/meminfo", "MemAvailable:")};
  for (std::optional<uint64_t>* kilobytes : {&memory.total, &memory.available}) {
    if (*kilobytes) **kilobytes *= 1024;
  }
  const ControlGroup group = control_group(root);
  if (!group.limit || !group.used) return memory;
  const uint64_t taken = *group.used - std::min(*group.used, group.cache.value_or(0));
  const uint64_t room = *group.limit - std::min(*group.limit, taken);
  memory.total = std::min(memory.total.value_or(*group.limit), *group.limit);
  memory.available = std::min(memory.available.value_or(room), room);
  return memory;
}

void release_memory(std::string& bytes) {
  const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto data = reinterpret_cast<uintptr_t>(bytes.data());
  const uintptr_t begin = (data + page - 1) / page * page;
  const uintptr_t end = (data + bytes.capacity()) / page * page;
  // Pages that hold nothing else come back empty when they are used again.
  if (begin < end) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
  std::string().swap(bytes);
}

}  // namespace echo
