// The checks of the machine: memory, disk, network, device.
#include <arpa/inet.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <memory>
#include <stdexcept>

#include "base/descriptor.h"
#include "base/error.h"
#include "base/system_memory.h"
#include "net/url.h"
#include "runpod/fitness.h"

namespace echo::runpod {
namespace {

constexpr double kGigabyte = 1024.0 * 1024.0 * 1024.0;

std::string decimal(double value, const char* format) {
  char text[64];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

void check_memory(const FitnessOptions& options) {
  const double available = available_memory_bytes(options.system_root) / kGigabyte;
  if (available < options.min_memory_gb) {
    throw std::runtime_error("Insufficient memory: " + decimal(available, "%.2fGB") +
                             " available, " + decimal(options.min_memory_gb, "%.1fGB") +
                             " required");
  }
}

void check_disk(const FitnessOptions& options) {
  struct statvfs disk {};
  if (::statvfs(options.disk_path.c_str(), &disk) != 0 || disk.f_blocks == 0) return;
  const double free_percent =
      100.0 * static_cast<double>(disk.f_bavail) / static_cast<double>(disk.f_blocks);
  if (free_percent < options.min_disk_percent) {
    throw std::runtime_error("Insufficient disk space: " + decimal(free_percent, "%.1f%%") +
                             " free, " + decimal(options.min_disk_percent, "%.1f%%") + " required");
  }
}

// Empty if a connection was made, otherwise why not.
std::string try_connect(const addrinfo& address, int timeout_ms) {
  const Descriptor socket(
      ::socket(address.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket) return "no socket";
  if (::connect(socket.get(), address.ai_addr, address.ai_addrlen) == 0) return "";
  if (errno != EINPROGRESS) return "cannot connect";
  pollfd waiting{socket.get(), POLLOUT, 0};
  if (::poll(&waiting, 1, timeout_ms) <= 0) return "timed out";
  int failure = 0;
  socklen_t size = sizeof failure;
  ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &failure, &size);
  return failure == 0 ? "" : "cannot connect";
}

void check_network(const FitnessOptions& options) {
  const Url url = parse_url(options.network_url);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const std::string port = std::to_string(url.port);
  const std::string host = url.host.size() > 2 && url.host.front() == '['
                               ? url.host.substr(1, url.host.size() - 2)
                               : url.host;
  if (::getaddrinfo(host.c_str(), port.c_str(), &hints, &found) != 0) {
    throw std::runtime_error("Network connectivity failed: " + url.host + " has no address");
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> addresses(found, &::freeaddrinfo);
  std::string reason;
  for (const addrinfo* address = found; address != nullptr; address = address->ai_next) {
    reason = try_connect(*address, static_cast<int>(options.network_timeout.count()));
    if (reason.empty()) return;
  }
  throw std::runtime_error("Network connectivity failed: " + url.host + ":" + port + ", " + reason);
}

void check_cuda_version(const FitnessOptions& options, const GpuProbe& gpu, Logger& logger) {
  const auto version = gpu.cuda_version();
  if (!version) {
    logger.warn("The CUDA version is not known, its check is skipped.");
  } else if (!version_at_least(*version, options.min_cuda_version)) {
    throw std::runtime_error("CUDA version too old: " + *version + " found, " +
                             options.min_cuda_version + " required");
  }
}

bool is_true(const std::optional<std::string>& value) {
  if (!value) return false;
  std::string lower = *value;
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower == "true";
}

}  // namespace

double available_memory_bytes(const std::string& system_root) {
  const auto available = system_memory(system_root).available;
  return available ? static_cast<double>(*available) : std::numeric_limits<double>::infinity();
}

bool version_at_least(const std::string& a, const std::string& b) {
  const auto number_at = [](const std::string& text, size_t& at) {
    long value = 0;
    const auto [end, failure] = std::from_chars(text.data() + at, text.data() + text.size(), value);
    at = failure == std::errc() ? static_cast<size_t>(end - text.data()) : text.size();
    if (at < text.size() && text[at] == '.') ++at;
    return value;
  };
  size_t i = 0;
  size_t j = 0;
  while (i < a.size() || j < b.size()) {
    const long left = i < a.size() ? number_at(a, i) : 0;
    const long right = j < b.size() ? number_at(b, j) : 0;
    if (left != right) return left > right;
  }
  return true;
}

FitnessOptions fitness_options_from(const Environment& environment,
                                    std::vector<std::string>* warnings) {
  FitnessOptions options;
  const auto number = [&](const char* name, double otherwise, bool* given) {
    const auto value = environment(name);
    if (!value || value->empty()) return otherwise;
    char* end = nullptr;
    const double result = std::strtod(value->c_str(), &end);
    if (*end != '\0' || !(result >= 0) || result > 1e6) {
      if (warnings != nullptr) {
        warnings->push_back(std::string(name) + " is not a number of 0 or more, " +
                            decimal(otherwise, "%g") + " is used");
      }
      return otherwise;
    }
    if (given != nullptr) *given = true;
    return result;
  };
  const auto seconds = [&](const char* name, Milliseconds otherwise, bool* given) {
    const double value = number(name, static_cast<double>(otherwise.count()) / 1000.0, given);
    return Milliseconds(static_cast<long>(value * 1000.0));
  };
  options.skip_system_checks = is_true(environment("RUNPOD_SKIP_AUTO_SYSTEM_CHECKS"));
  options.skip_gpu_checks = is_true(environment("RUNPOD_SKIP_GPU_CHECK"));
  options.min_memory_gb = number("RUNPOD_MIN_MEMORY_GB", options.min_memory_gb, nullptr);
  options.min_disk_percent =
      number("RUNPOD_MIN_DISK_PERCENT", options.min_disk_percent, &options.disk_binding);
  options.network_timeout =
      seconds("RUNPOD_NETWORK_CHECK_TIMEOUT", options.network_timeout, &options.network_binding);
  options.benchmark_timeout =
      seconds("RUNPOD_GPU_BENCHMARK_TIMEOUT", options.benchmark_timeout, nullptr);
  options.gpu_timeout = seconds("RUNPOD_GPU_TEST_TIMEOUT", options.gpu_timeout, nullptr);
  if (const auto version = environment("RUNPOD_MIN_CUDA_VERSION"); version && !version->empty()) {
    options.min_cuda_version = *version;
  }
  options.network_url = environment("RUNPOD_WEBHOOK_GET_JOB").value_or("");
  return options;
}

std::vector<FitnessCheck> system_fitness_checks(const FitnessOptions& options, const GpuProbe& gpu,
                                                Logger& logger) {
  std::vector<FitnessCheck> checks;
  if (gpu.health && !options.skip_gpu_checks) {
    checks.push_back({"_gpu_health_check", gpu.health, false, options.gpu_timeout});
  }
  if (options.skip_system_checks) return checks;
  checks.push_back({"_memory_check", [options] { check_memory(options); }});
  checks.push_back({"_disk_check", [options] { check_disk(options); }, !options.disk_binding});
  if (!options.network_url.empty()) {
    checks.push_back({"_network_check", [options] { check_network(options); },
                      !options.network_binding, options.network_timeout + Milliseconds(5'000)});
  }
  if (options.skip_gpu_checks) return checks;
  if (gpu.cuda_version) {
    checks.push_back({"_cuda_version_check",
                      [options, gpu, &logger] { check_cuda_version(options, gpu, logger); }});
  }
  if (gpu.init) checks.push_back({"_cuda_init_check", gpu.init, false, options.gpu_timeout});
  if (gpu.benchmark) {
    checks.push_back({"_benchmark_check", gpu.benchmark, false, options.benchmark_timeout});
  }
  return checks;
}

}  // namespace echo::runpod
