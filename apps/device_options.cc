#include "apps/device_options.h"

#include <cstdio>

#include "base/visible_text.h"

namespace echo::apps {
namespace {

constexpr int64_t kMostMegabytes = int64_t{1} << 24;
constexpr int64_t kMostTrajectories = 64;

// Where caches of the user lie; empty without a home.
std::string cache_folder(const Environment& environment) {
  if (const auto folder = environment.find("XDG_CACHE_HOME")) return *folder + "/echo-tts";
  if (const auto home = environment.find("HOME")) return *home + "/.cache/echo-tts";
  return "";
}

std::string device_problem(const std::string& name) {
  return is_device_name(name) ? "" : "expected auto, cpu, cuda or cuda:N";
}

}  // namespace

void DeviceFlags::add_to(CLI::App& command, const Environment& variables,
                         const std::string& group) {
  environment = variables;
  device = environment.text("ECHO_DEVICE", device);
  cuda_module = environment.text("ECHO_CUDA_MODULE");
  command
      .add_option("--device", device,
                  "auto: a GPU, or else the CPU; cpu; cuda or cuda:N for a GPU and nothing else")
      ->check(CLI::Validator(device_problem, "DEVICE"))
      ->capture_default_str()
      ->group(group);
  command.add_option("--threads", threads, "Of the CPU; 0: as many as the process may run on")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str()
      ->group(group);
  command
      .add_option("--gpu-memory", gpu_memory_mb,
                  "The most memory of a GPU to use, MB (or ECHO_GPU_MEMORY_MB); 0: all")
      ->check(CLI::Range(int64_t{0}, kMostMegabytes))
      ->group(group);
  command
      .add_option("--batch-width", batch_width,
                  "Texts that a GPU advances together (or ECHO_BATCH_WIDTH); 0: as many as gain")
      ->check(CLI::Range(int64_t{0}, kMostTrajectories))
      ->group(group);
  command
      .add_option("--cuda-module", cuda_module,
                  "The CUDA module (or ECHO_CUDA_MODULE); without it the one beside the program")
      ->group(group);
}

DeviceOptions DeviceFlags::options() const {
  DeviceOptions options;
  options.name = device;
  options.threads = threads;
  options.cuda_module = cuda_module;
  options.algorithm_folder = cache_folder(environment);
  const auto number = [&](const std::optional<int64_t>& flag, const char* variable, int64_t most) {
    return flag ? *flag : environment.integer(variable, 0, 0, most);
  };
  options.gpu_memory_limit =
      static_cast<size_t>(number(gpu_memory_mb, "ECHO_GPU_MEMORY_MB", kMostMegabytes)) << 20;
  options.batch_width = number(batch_width, "ECHO_BATCH_WIDTH", kMostTrajectories);
  options.notice = [](const std::string& text) {
    std::fprintf(stderr, "echo-tts: %s\n", visible_text(text).c_str());
  };
  return options;
}

std::vector<std::string> DeviceFlags::arguments() const {
  std::vector<std::string> words{"--device", device, "--threads", std::to_string(threads)};
  const auto add = [&](const char* flag, const std::string& value) {
    words.emplace_back(flag);
    words.push_back(value);
  };
  if (gpu_memory_mb) add("--gpu-memory", std::to_string(*gpu_memory_mb));
  if (batch_width) add("--batch-width", std::to_string(*batch_width));
  if (!cuda_module.empty()) add("--cuda-module", cuda_module);
  return words;
}

}  // namespace echo::apps
