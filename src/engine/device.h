// The one place that knows which backends there are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "tensor/backend.h"

namespace echo {

struct DeviceOptions {
  // "auto": the fastest there is; "cpu"; "cuda", "cuda:1": the first, the second GPU.
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

// Errors: kInvalidArgument for an unknown name; for "cuda", kUnavailable with the reason why the
// GPU cannot be used.
std::unique_ptr<Backend> make_device(const DeviceOptions& options);

// Whether make_device() knows the name: "auto", "cpu", "cuda", "cuda:N".
bool is_device_name(const std::string& name);

}  // namespace echo
