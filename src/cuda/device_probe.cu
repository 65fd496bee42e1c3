#include "cuda/device_probe.h"

#include <cuda_runtime.h>

#include <string>

#include "base/error.h"

namespace echo::cuda {
namespace {

__global__ void probe_kernel() {}

// 13000 is 13.0.
std::string version_text(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

[[noreturn]] void unusable(const std::string& reason) { throw_unavailable("CUDA: " + reason); }

int device_count() {
  int driver = 0, count = 0;
  (void)cudaDriverGetVersion(&driver);
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status == cudaSuccess) return count;
  (void)cudaGetLastError();
  if (driver == 0) unusable("there is no NVIDIA driver");
  if (status == cudaErrorInsufficientDriver) {
    unusable("the driver is too old: it is made for CUDA " + version_text(driver) + ", at least " +
             version_text(CUDART_VERSION / 1000 * 1000) + " is needed");
  }
  if (status == cudaErrorNoDevice) unusable("there is no GPU");
  unusable(std::string("the driver does not answer: ") + cudaGetErrorString(status));
}

}  // namespace

void require_device(int device) {
  const int count = device_count();
  if (device < 0 || device >= count) {
    unusable("there is no device " + std::to_string(device) + ", but " + std::to_string(count) +
             (count == 1 ? " device" : " devices"));
  }
  int major = 0, minor = 0;
  (void)cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device);
  (void)cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device);
  if (const cudaError_t status = cudaSetDevice(device); status != cudaSuccess) {
    (void)cudaGetLastError();
    unusable("device " + std::to_string(device) + " cannot be used: " + cudaGetErrorString(status));
  }
  cudaFuncAttributes attributes;
  const cudaError_t status = cudaFuncGetAttributes(&attributes, probe_kernel);
  if (status == cudaSuccess) return;
  (void)cudaGetLastError();
  if (status == cudaErrorNoKernelImageForDevice || status == cudaErrorInvalidDeviceFunction) {
    unusable("the device has compute capability " + std::to_string(major) + "." +
             std::to_string(minor) + ", the module is built for " ECHO_CUDA_ARCHITECTURES);
  }
  unusable("device " + std::to_string(device) + " cannot be used: " + cudaGetErrorString(status));
}

}  // namespace echo::cuda
