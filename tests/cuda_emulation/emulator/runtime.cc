#include <cuda_runtime.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iterator>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "emulation/block.h"

struct CUstream_st {
  CUgraph_st* capture = nullptr;
};
struct CUevent_st {
  std::chrono::steady_clock::time_point time;
  bool recorded = false;
};
struct CUgraph_st {
  std::vector<std::function<cudaError_t()>> work;
};
struct CUgraphExec_st {
  std::vector<std::function<cudaError_t()>> work;
};

namespace {

using echo::cuda_emulation::Block;
using echo::cuda_emulation::BlockShape;
using echo::cuda_emulation::enqueue;
using echo::cuda_emulation::Violation;

constexpr size_t kTotalMemory = size_t{16} << 30;
constexpr size_t kSharedMemory = size_t{48} << 10, kSharedMemoryOptin = size_t{227} << 10;
constexpr size_t kOfSystem = 1024;  // of each block
constexpr size_t kMultiprocessorMemory = kSharedMemoryOptin + kOfSystem;
constexpr size_t kCanaryBytes = 64;
constexpr unsigned char kCanary = 0xa5, kUnwritten = 0xff;
constexpr size_t kMemoryAlignment = 256;

// The sizes of device memory by address, and the kernels' limits of shared memory.
struct Device {
  std::mutex mutex;
  std::map<const void*, size_t> memory;
  size_t used = 0;
  std::map<const void*, size_t> shared_limits;
  uint64_t seed = 1;
  uint64_t grids = 0;
  echo::cuda_emulation::StreamWork stream_work;
  size_t multiprocessor_memory = kMultiprocessorMemory;
};
Device& device() {
  // Never destroyed: backends of static objects give their memory back at the very end.
  static Device& the_device = *new Device;
  return the_device;
}

thread_local cudaError_t last_error = cudaSuccess;
cudaError_t result(cudaError_t error) {
  if (error != cudaSuccess) last_error = error;
  return error;
}

dim3 unflatten(uint64_t index, dim3 size) {
  return {static_cast<unsigned>(index % size.x), static_cast<unsigned>(index / size.x % size.y),
          static_cast<unsigned>(index / size.x / size.y)};
}

}  // namespace

namespace echo::cuda_emulation {

void set_seed(uint64_t seed) {
  const std::lock_guard lock(device().mutex);
  device().seed = seed;
  device().grids = 0;
}

void set_multiprocessor_memory(size_t bytes) {
  const std::lock_guard lock(device().mutex);
  device().multiprocessor_memory = bytes > 0 ? bytes : kMultiprocessorMemory;
}

StreamWork stream_work() {
  const std::lock_guard lock(device().mutex);
  return device().stream_work;
}

cudaError_t enqueue(cudaStream_t stream, std::function<cudaError_t()> work,
                    uint64_t StreamWork::*kind) {
  {
    const std::lock_guard lock(device().mutex);
    ++(device().stream_work.*kind);
  }
  if (stream && stream->capture) {
    stream->capture->work.push_back(std::move(work));
    return cudaSuccess;
  }
  return result(work());
}

cudaError_t run_grid(const void* kernel, const cudaLaunchConfig_t& config,
                     void (*invoke)(const void*), const void* closure) {
  const dim3 grid = config.gridDim, block = config.blockDim;
  const uint64_t threads = uint64_t{block.x} * block.y * block.z;
  const uint64_t blocks = uint64_t{grid.x} * grid.y * grid.z;
  if (blocks == 0 || threads == 0 || threads > 1024 || block.z > 64 || grid.x > 0x7fffffffu ||
      grid.y > 65535 || grid.z > 65535) {
    return cudaErrorInvalidConfiguration;
  }
  uint64_t seed = 0;
  {
    const std::lock_guard lock(device().mutex);
    const auto found = device().shared_limits.find(kernel);
    const size_t limit = found == device().shared_limits.end() ? kSharedMemory : found->second;
    if (config.dynamicSmemBytes > limit) return cudaErrorInvalidValue;
    seed = device().seed + 0x9e3779b97f4a7c15u * ++device().grids;
  }
  const BlockShape shape{{block.x, block.y, block.z}, config.dynamicSmemBytes};
  std::exception_ptr error;
  std::mutex error_mutex;
#pragma omp parallel for schedule(dynamic) if (blocks > 1 && blocks * threads > 256)
  for (uint64_t i = 0; i < blocks; ++i) {
    static thread_local Block runner;
    try {
      {
        const std::lock_guard lock(error_mutex);
        if (error) continue;
      }
      const dim3 index = unflatten(i, grid);
      blockIdx = {index.x, index.y, index.z};
      blockDim = {block.x, block.y, block.z};
      gridDim = {grid.x, grid.y, grid.z};
      runner.run(shape, seed + i, invoke, closure);
    } catch (...) {
      const std::lock_guard lock(error_mutex);
      if (!error) error = std::current_exception();
    }
  }
  if (error) std::rethrow_exception(error);
  return cudaSuccess;
}

}  // namespace echo::cuda_emulation

namespace {

struct ErrorText {
  cudaError_t error;
  const char *name, *text;
};
#define ECHO_ERROR(name, text) \
  { name, #name, text }
constexpr ErrorText kErrorTexts[] = {
    ECHO_ERROR(cudaSuccess, "no error"),
    ECHO_ERROR(cudaErrorInvalidValue, "invalid argument"),
    ECHO_ERROR(cudaErrorMemoryAllocation, "out of memory"),
    ECHO_ERROR(cudaErrorInvalidConfiguration, "invalid configuration argument"),
    ECHO_ERROR(cudaErrorInsufficientDriver,
               "CUDA driver version is insufficient for CUDA runtime version"),
    ECHO_ERROR(cudaErrorInvalidDeviceFunction, "invalid device function"),
    ECHO_ERROR(cudaErrorNoDevice, "no CUDA-capable device is detected"),
    ECHO_ERROR(cudaErrorInvalidDevice, "invalid device ordinal"),
    ECHO_ERROR(cudaErrorNoKernelImageForDevice,
               "no kernel image is available for execution on the device"),
    ECHO_ERROR(cudaErrorInvalidResourceHandle, "invalid resource handle"),
    ECHO_ERROR(cudaErrorNotReady, "device not ready"),
    ECHO_ERROR(cudaErrorLaunchFailure, "unspecified launch failure"),
    ECHO_ERROR(cudaErrorStreamCaptureUnsupported,
               "operation not permitted when stream is capturing"),
    ECHO_ERROR(cudaErrorUnknown, "unknown error"),
};
#undef ECHO_ERROR

const ErrorText& text_of(cudaError_t error) {
  for (const ErrorText& text : kErrorTexts) {
    if (text.error == error) return text;
  }
  return *std::rbegin(kErrorTexts);
}

}  // namespace

const char* cudaGetErrorString(cudaError_t error) { return text_of(error).text; }
const char* cudaGetErrorName(cudaError_t error) { return text_of(error).name; }
cudaError_t cudaGetLastError() { return std::exchange(last_error, cudaSuccess); }
cudaError_t cudaPeekAtLastError() { return last_error; }

cudaError_t cudaGetDeviceCount(int* count) {
  *count = 1;
  return cudaSuccess;
}
cudaError_t cudaSetDevice(int index) {
  return result(index == 0 ? cudaSuccess : cudaErrorInvalidDevice);
}
cudaError_t cudaGetDevice(int* index) {
  *index = 0;
  return cudaSuccess;
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int index) {
  if (index != 0) return result(cudaErrorInvalidDevice);
  *properties = {};
  std::strncpy(properties->name, "Emulated device", sizeof properties->name - 1);
  properties->totalGlobalMem = kTotalMemory;
  properties->sharedMemPerBlock = kSharedMemory;
  properties->sharedMemPerBlockOptin = kSharedMemoryOptin;
  const std::lock_guard lock(device().mutex);
  properties->sharedMemPerMultiprocessor = device().multiprocessor_memory;
  properties->major = 9;
  properties->multiProcessorCount = 132;
  properties->maxThreadsPerBlock = 1024;
  properties->maxThreadsPerMultiProcessor = 2048;
  properties->warpSize = 32;
  properties->l2CacheSize = 50 << 20;
  properties->regsPerBlock = 65536;
  properties->memoryBusWidth = 5120;
  return cudaSuccess;
}
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int index) {
  if (index != 0) return result(cudaErrorInvalidDevice);
  switch (attribute) {
    case cudaDevAttrMaxThreadsPerBlock:
      *value = 1024;
      return cudaSuccess;
    case cudaDevAttrClockRate:
      *value = 1980000;
      return cudaSuccess;
    case cudaDevAttrMultiProcessorCount:
      *value = 132;
      return cudaSuccess;
    case cudaDevAttrMemoryClockRate:
      *value = 2619000;
      return cudaSuccess;
    case cudaDevAttrL2CacheSize:
      *value = 50 << 20;
      return cudaSuccess;
    case cudaDevAttrComputeCapabilityMajor:
      *value = 9;
      return cudaSuccess;
    case cudaDevAttrComputeCapabilityMinor:
      *value = 0;
      return cudaSuccess;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
      *value = static_cast<int>(kSharedMemoryOptin);
      return cudaSuccess;
  }
  return result(cudaErrorInvalidValue);
}
cudaError_t cudaDriverGetVersion(int* version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}
cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}
cudaError_t cudaDeviceSynchronize() { return cudaSuccess; }
cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  const std::lock_guard lock(device().mutex);
  *total = kTotalMemory;
  *free = kTotalMemory - device().used;
  return cudaSuccess;
}

cudaError_t cudaMalloc(void** memory, size_t bytes) {
  *memory = nullptr;
  if (bytes == 0) return cudaSuccess;
  const std::lock_guard lock(device().mutex);
  if (device().used + bytes > kTotalMemory) return result(cudaErrorMemoryAllocation);
  const size_t whole = (bytes + kCanaryBytes + kMemoryAlignment - 1) & ~(kMemoryAlignment - 1);
  auto* made = static_cast<unsigned char*>(std::aligned_alloc(kMemoryAlignment, whole));
  if (!made) return result(cudaErrorMemoryAllocation);
  std::memset(made, kUnwritten, bytes);
  std::memset(made + bytes, kCanary, kCanaryBytes);
  device().memory[made] = bytes;
  device().used += bytes;
  *memory = made;
  return cudaSuccess;
}
cudaError_t cudaFree(void* memory) {
  if (!memory) return cudaSuccess;
  const std::lock_guard lock(device().mutex);
  const auto found = device().memory.find(memory);
  if (found == device().memory.end()) return result(cudaErrorInvalidValue);
  const size_t bytes = found->second;
  for (size_t i = 0; i < kCanaryBytes; ++i) {
    if (static_cast<unsigned char*>(memory)[bytes + i] != kCanary) {
      // Memory is freed by destructors, which may not throw.
      std::fprintf(stderr, "emulated device: a write %zu bytes past the end of %zu bytes\n", i,
                   bytes);
      std::abort();
    }
  }
  device().used -= bytes;
  device().memory.erase(found);
  std::free(memory);
  return cudaSuccess;
}
cudaError_t cudaMallocAsync(void** memory, size_t bytes, cudaStream_t) {
  return cudaMalloc(memory, bytes);
}
cudaError_t cudaFreeAsync(void* memory, cudaStream_t) { return cudaFree(memory); }
cudaError_t cudaHostAlloc(void** memory, size_t bytes, unsigned) {
  *memory = std::malloc(bytes);
  return result(*memory || bytes == 0 ? cudaSuccess : cudaErrorMemoryAllocation);
}
cudaError_t cudaMallocHost(void** memory, size_t bytes) { return cudaHostAlloc(memory, bytes, 0); }
cudaError_t cudaFreeHost(void* memory) {
  std::free(memory);
  return cudaSuccess;
}
cudaError_t cudaHostRegister(void*, size_t, unsigned) { return cudaSuccess; }
cudaError_t cudaHostUnregister(void*) { return cudaSuccess; }

cudaError_t cudaMemcpy(void* to, const void* from, size_t bytes, cudaMemcpyKind kind) {
  return cudaMemcpyAsync(to, from, bytes, kind, nullptr);
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind,
                            cudaStream_t stream) {
  return enqueue(stream, [=] {
    if (bytes > 0) std::memmove(to, from, bytes);
    return cudaSuccess;
  });
}
cudaError_t cudaMemcpy2D(void* to, size_t to_pitch, const void* from, size_t from_pitch,
                         size_t width, size_t height, cudaMemcpyKind kind) {
  return cudaMemcpy2DAsync(to, to_pitch, from, from_pitch, width, height, kind, nullptr);
}
cudaError_t cudaMemcpy2DAsync(void* to, size_t to_pitch, const void* from, size_t from_pitch,
                              size_t width, size_t height, cudaMemcpyKind, cudaStream_t stream) {
  if (height > 0 && (to_pitch < width || from_pitch < width)) return result(cudaErrorInvalidValue);
  return enqueue(stream, [=] {
    for (size_t row = 0; row < height && width > 0; ++row) {
      std::memcpy(static_cast<char*>(to) + row * to_pitch,
                  static_cast<const char*>(from) + row * from_pitch, width);
    }
    return cudaSuccess;
  });
}
cudaError_t cudaMemset(void* memory, int value, size_t bytes) {
  return cudaMemsetAsync(memory, value, bytes, nullptr);
}
cudaError_t cudaMemsetAsync(void* memory, int value, size_t bytes, cudaStream_t stream) {
  return cudaMemset2DAsync(memory, bytes, value, bytes, 1, stream);
}
cudaError_t cudaMemset2DAsync(void* memory, size_t pitch, int value, size_t width, size_t height,
                              cudaStream_t stream) {
  return enqueue(stream, [=] {
    for (size_t row = 0; row < height && width > 0; ++row) {
      std::memset(static_cast<char*>(memory) + row * pitch, value, width);
    }
    return cudaSuccess;
  });
}

cudaError_t cudaStreamCreate(cudaStream_t* stream) { return cudaStreamCreateWithFlags(stream, 0); }
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  *stream = new CUstream_st;
  return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  delete stream;
  return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  return result(stream && stream->capture ? cudaErrorStreamCaptureUnsupported : cudaSuccess);
}
cudaError_t cudaStreamQuery(cudaStream_t stream) { return cudaStreamSynchronize(stream); }
cudaError_t cudaStreamWaitEvent(cudaStream_t, cudaEvent_t, unsigned) { return cudaSuccess; }
cudaError_t cudaEventCreate(cudaEvent_t* event) { return cudaEventCreateWithFlags(event, 0); }
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  *event = new CUevent_st;
  return cudaSuccess;
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete event;
  return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  return enqueue(stream, [=] {
    event->time = std::chrono::steady_clock::now();
    event->recorded = true;
    return cudaSuccess;
  });
}
cudaError_t cudaEventSynchronize(cudaEvent_t) { return cudaSuccess; }
cudaError_t cudaEventQuery(cudaEvent_t) { return cudaSuccess; }
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t start, cudaEvent_t end) {
  if (!start->recorded || !end->recorded) return result(cudaErrorInvalidResourceHandle);
  *milliseconds = std::chrono::duration<float, std::milli>(end->time - start->time).count();
  return cudaSuccess;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
  if (!stream || stream->capture) return result(cudaErrorStreamCaptureUnsupported);
  stream->capture = new CUgraph_st;
  return cudaSuccess;
}
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  if (!stream || !stream->capture) return result(cudaErrorInvalidValue);
  *graph = std::exchange(stream->capture, nullptr);
  return cudaSuccess;
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph,
                                 unsigned long long) {
  *executable = new CUgraphExec_st{graph->work};
  return cudaSuccess;
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream) {
  return enqueue(stream, [executable] {
    for (const auto& work : executable->work) {
      if (const cudaError_t error = work(); error != cudaSuccess) return error;
    }
    return cudaSuccess;
  });
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete graph;
  return cudaSuccess;
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) {
  delete executable;
  return cudaSuccess;
}

cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, const void*) {
  attributes->maxThreadsPerBlock = 1024;
  return cudaSuccess;
}
cudaError_t cudaFuncGetName(const char** name, const void*) {
  *name = "_ZN4echo4cuda15emulated_kernelEv";
  return cudaSuccess;
}
cudaError_t cudaFuncSetAttribute(const void* kernel, cudaFuncAttribute attribute, int value) {
  if (attribute != cudaFuncAttributeMaxDynamicSharedMemorySize) return cudaSuccess;
  const std::lock_guard lock(device().mutex);
  if (value < 0 || static_cast<size_t>(value) + kOfSystem > device().multiprocessor_memory) {
    return result(cudaErrorInvalidValue);
  }
  device().shared_limits[kernel] = static_cast<size_t>(value);
  return cudaSuccess;
}
