// Which device computes: the engine is given the kinds that there are (devices/devices.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tensor/backend.h"

namespace echo {

struct DeviceOptions;

// One kind of device.
struct DeviceKind {
  std::string name;   // as options name it: "cpu", "cuda"
  std::string title;  // as sentences do: "CPU", "GPU"
  // Makes the backend of the device with this index, 0 being the first. Errors: kUnavailable with
  // the reason why it cannot be used.
  std::function<std::unique_ptr<Backend>(const DeviceOptions& options, int index)> make;
};

struct DeviceOptions {
  // The kinds that the program has, the preferred one first.
  std::vector<DeviceKind> kinds;
  // "auto": the first kind that works; "cpu"; "cuda", "cuda:1": the first, the second GPU.
  std::string name = "auto";
  int threads = 0;  // of the CPU; 0: as many as the process may use

  std::filesystem::path cuda_module;  // empty: beside the program
  // Folder that remembers which matrix algorithms are the fastest on a GPU; empty: none.
  std::filesystem::path algorithm_folder;
  size_t gpu_memory_limit = 0;  // bytes; 0: all there is
  // Trajectories that advance together on a GPU; 0: as memory allows and speed gains.
  int64_t batch_width = 0;
  // Told in one line why "auto" took the CPU, and later, by the thread that computes, what a GPU
  // computes in a slow way.
  std::function<void(const std::string&)> notice;
};

// Returns the backend of the device that the options name. Errors: kInvalidArgument for an unknown
// name; kUnavailable with the reason why the device cannot be used, or for a kind that the program
// does not have.
std::unique_ptr<Backend> make_device(const DeviceOptions& options);

// Returns whether this is the name of a device: "auto", "cpu", "cuda", "cuda:N".
bool is_device_name(const std::string& name);

}  // namespace echo
