#include "apps/device_options.h"

#include <cstdio>

#include "apps/option_table.h"
#include "base/visible_text.h"
#include "devices/devices.h"

namespace echo::apps {
namespace {

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

void DeviceFlags::add_to(Command& command, const Environment& variables, const std::string& group) {
  environment = variables;
  device = environment.text("ECHO_DEVICE", device);
  cuda_module = environment.text("ECHO_CUDA_MODULE");
  add_option(command, "--device", device, group).checked(device_problem, "DEVICE").show_default();
  add_option(command, "--threads", threads, group).show_default();
  add_option(command, "--gpu-memory", gpu_memory_mb, group);
  add_option(command, "--batch-width", batch_width, group);
  add_option(command, "--cuda-module", cuda_module, group);
}

DeviceOptions DeviceFlags::options() const {
  DeviceOptions options;
  options.kinds = all_devices();
  options.name = device;
  options.threads = threads;
  options.cuda_module = cuda_module;
  options.algorithm_folder = cache_folder(environment);
  options.gpu_memory_limit =
      static_cast<size_t>(option_number("--gpu-memory", gpu_memory_mb, environment, 0)) << 20;
  options.batch_width = option_number("--batch-width", batch_width, environment, 0);
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
