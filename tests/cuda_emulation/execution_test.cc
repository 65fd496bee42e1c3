// The emulator itself: threads, barriers, warps, memory, and what it finds.
#include <cuda_runtime.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <vector>

#include "cuda/launch.h"
#include "cuda/ptx.cuh"
#include "support/thrown_error.h"

namespace echo::cuda {
namespace {

using cuda_emulation::Violation;
using testing::HasSubstr;

// The text of the violation that f ends with.
template <class F>
std::string violation(F f) {
  try {
    f();
  } catch (const Violation& error) {
    return error.what();
  }
  return "none";
}

__global__ void write_indices(int* out) {
  const unsigned block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
  const unsigned thread = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
  const unsigned threads = blockDim.x * blockDim.y * blockDim.z;
  out[block * threads + thread] = static_cast<int>(block * threads + thread);
}

TEST(Execution, EveryThreadOfEveryBlockRunsOnce) {
  for (const LaunchShape& shape :
       {LaunchShape{1, 1}, LaunchShape{7, 33}, LaunchShape{dim3(3, 2, 4), dim3(5, 7, 2)},
        LaunchShape{2, 1024}}) {
    const size_t count = size_t{shape.grid.x} * shape.grid.y * shape.grid.z * shape.block.x *
                         shape.block.y * shape.block.z;
    std::vector<int> found(count, -1), expected(count);
    std::iota(expected.begin(), expected.end(), 0);
    launch(write_indices, shape, nullptr, found.data());
    EXPECT_EQ(found, expected);
  }
}

TEST(Execution, RefusesWhatADeviceRefuses) {
  int* none = nullptr;
  EXPECT_THAT(error_of([&] {
                launch(write_indices, {1, 1025}, nullptr, none);
              }).what(),
              HasSubstr("CUDA: starting echo::cuda::emulated_kernel(): invalid configuration"));
  EXPECT_THROW(launch(write_indices, {dim3(1, 65536), 1}, nullptr, none), Error);
  EXPECT_THROW(launch(write_indices, {1, 32, size_t{228} << 10}, nullptr, none), Error);
  cudaLaunchConfig_t config{};
  config.gridDim = config.blockDim = 1;
  config.dynamicSmemBytes = (size_t{48} << 10) + 1;
  EXPECT_EQ(cudaLaunchKernelEx(
                &config, +[](int*) {}, none),
            cudaErrorInvalidValue)
      << "more than 48 KiB that were not asked for";
  launch(write_indices, {0, 32}, nullptr, none);
}

// Each thread takes what its opposite wrote.
template <bool with_barrier>
__global__ void reverse(int* values) {
  __shared__ int exchange[256];
  exchange[threadIdx.x] = values[threadIdx.x];
  if (with_barrier) __syncthreads();
  values[threadIdx.x] = exchange[blockDim.x - 1 - threadIdx.x];
}

TEST(Execution, BarriersOrderSharedMemory) {
  for (const unsigned threads : {2u, 32u, 33u, 256u}) {
    std::vector<int> values(threads), expected(threads);
    std::iota(values.begin(), values.end(), 1000);
    std::reverse_copy(values.begin(), values.end(), expected.begin());
    launch(reverse<true>, {1, threads}, nullptr, values.data());
    EXPECT_EQ(values, expected);
  }
}

TEST(Execution, AForgottenBarrierShows) {
  for (const unsigned threads : {2u, 32u, 256u}) {
    std::vector<int> values(threads), expected(threads);
    std::iota(values.begin(), values.end(), 0);
    std::reverse_copy(values.begin(), values.end(), expected.begin());
    launch(reverse<false>, {1, threads}, nullptr, values.data());
    EXPECT_NE(values, expected) << threads;
  }
}

// The second round overwrites what slow threads have yet to read.
template <bool with_barrier>
__global__ void pass_around(int* values, int rounds) {
  __shared__ int exchange[64];
  for (int i = 0; i < rounds; ++i) {
    exchange[threadIdx.x] = values[threadIdx.x];
    __syncthreads();
    values[threadIdx.x] = exchange[(threadIdx.x + 1) % blockDim.x];
    if (with_barrier) __syncthreads();
  }
}

TEST(Execution, AForgottenBarrierBeforeTheNextRoundShows) {
  std::vector<int> start(64);
  std::iota(start.begin(), start.end(), 0);
  std::vector<int> good = start, bad = start, expected = start;
  std::rotate(expected.begin(), expected.begin() + 7, expected.end());
  launch(pass_around<true>, {1, 64}, nullptr, good.data(), 7);
  launch(pass_around<false>, {1, 64}, nullptr, bad.data(), 7);
  EXPECT_EQ(good, expected);
  EXPECT_NE(bad, expected);
}

TEST(Execution, TheOrderOfThreadsIsTheSeeds) {
  const auto order = [](uint64_t seed) {
    cuda_emulation::set_seed(seed);
    std::vector<int> seen(65, 0);
    launch(
        +[](int* log) { log[++log[0]] = static_cast<int>(threadIdx.x); }, {1, 64}, nullptr,
        seen.data());
    return seen;
  };
  EXPECT_EQ(order(5), order(5));
  EXPECT_NE(order(5), order(6));
}

__global__ void some_wait() {
  if (threadIdx.x < 40) __syncthreads();
  if (threadIdx.x >= 40) __shfl_sync(0xffffffffu, 1, 0);
}
__global__ void two_barriers() {
  if (threadIdx.x < 32) {
    __syncthreads();
  } else {
    __syncthreads();
  }
}
__global__ void early_end(int* count) {
  if (threadIdx.x >= 20) return;
  __syncthreads();
  atomicAdd(count, 1);
}

TEST(Execution, DivergentBarriersAreFound) {
  const std::string deadlock = violation([] { launch(some_wait, {1, 64}, nullptr); });
  EXPECT_THAT(deadlock, HasSubstr("deadlock in a block of 64 threads"));
  EXPECT_THAT(deadlock, HasSubstr("40 wait at the barrier execution_test.cc:"));
  EXPECT_THAT(deadlock, HasSubstr("24 wait at __shfl_sync of lanes ffffffff"));
  EXPECT_THAT(violation([] {
                launch(two_barriers, {1, 64}, nullptr);
              }),
              HasSubstr("met at different barriers"));
  // The next kernel is not disturbed; threads that ended are not waited for.
  int count = 0;
  launch(early_end, {1, 64}, nullptr, &count);
  EXPECT_EQ(count, 20);
}

TEST(Execution, LanesThatTakeNoPartAreFound) {
  EXPECT_THAT(violation([] {
                launch(
                    +[] { __syncwarp(2u); }, {1, 1}, nullptr);
              }),
              HasSubstr("with mask 00000002 by lane 0"));
  EXPECT_THAT(violation([] {
                launch(
                    +[] { __shfl_sync(1u, 5, 3); }, {1, 1}, nullptr);
              }),
              HasSubstr("from lane 3, which takes no part"));
  EXPECT_THAT(violation([] {
                launch(
                    +[] {
                      if (threadIdx.x != 5) __syncwarp();
                    },
                    {1, 32}, nullptr);
              }),
              HasSubstr("31 wait at __syncwarp of lanes ffffffff"));
  EXPECT_THAT(violation([] { Violation("x"), __syncthreads(); }), HasSubstr("outside of"));
}

__global__ void shuffles(int* out) {
  const int lane = static_cast<int>(threadIdx.x), value = 100 + lane;
  int* mine = out + 8 * lane;
  mine[0] = __shfl_sync(~0u, value, 7);
  mine[1] = __shfl_xor_sync(~0u, value, 5);
  mine[2] = __shfl_down_sync(~0u, value, 3);
  mine[3] = __shfl_up_sync(~0u, value, 3);
  mine[4] = __shfl_sync(~0u, value, 1, 8);
  mine[5] = __shfl_down_sync(~0u, value, 3, 8);
  mine[6] = static_cast<int>(__ballot_sync(~0u, lane % 3 == 0));
  mine[7] = __any_sync(~0u, lane == 31) + 2 * __all_sync(~0u, lane < 31);
}

TEST(Warp, ShufflesAndVotes) {
  std::vector<int> out(32 * 8);
  launch(shuffles, {1, 32}, nullptr, out.data());
  unsigned thirds = 0;
  for (unsigned lane = 0; lane < 32; lane += 3) thirds |= 1u << lane;
  for (int lane = 0; lane < 32; ++lane) {
    const std::vector<int> found(out.begin() + 8 * lane, out.begin() + 8 * lane + 8);
    EXPECT_THAT(found, testing::ElementsAre(
                           107, 100 + (lane ^ 5), lane + 3 < 32 ? 103 + lane : 100 + lane,
                           lane >= 3 ? 97 + lane : 100 + lane, 100 + lane / 8 * 8 + 1,
                           lane % 8 + 3 < 8 ? 103 + lane : 100 + lane, static_cast<int>(thirds), 1))
        << lane;
  }
}

__global__ void sum_blocks(const float* values, float* sum, int* largest) {
  __shared__ float parts[4];
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  float part = values[i];
  for (int bits = 16; bits > 0; bits /= 2) part += __shfl_xor_sync(~0u, part, bits);
  if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = part;
  const int positive = __syncthreads_count(values[i] > 0);
  if (threadIdx.x == 0) {
    atomicAdd(sum, parts[0] + parts[1] + parts[2] + parts[3]);
    atomicMax(largest, positive);
  }
}

TEST(Warp, ReductionsAndAtomics) {
  std::vector<float> values(100 * 128);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % 7) - 3;
  float sum = 0;
  int largest = 0;
  launch(sum_blocks, {100, 128}, nullptr, values.data(), &sum, &largest);
  EXPECT_EQ(sum, std::accumulate(values.begin(), values.end(), 0.0f));
  EXPECT_EQ(largest, 56);
}

__global__ void fill_shared(int count, int* nan_before) {
  float* memory = shared_memory<float>();
  if (threadIdx.x == 0) atomicAdd(nan_before, memory[5] != memory[5] ? 1 : 0);
  __syncthreads();
  for (int i = static_cast<int>(threadIdx.x); i < count; i += 32) memory[i] = 1;
}

TEST(Memory, SharedMemoryBeginsAsNaNAndEndsWhereItEnds) {
  int nan_before = 0;
  launch(fill_shared, {20, 32, 400}, nullptr, 100, &nan_before);
  EXPECT_EQ(nan_before, 20);
  EXPECT_THAT(violation([&] {
                launch(fill_shared, {1, 32, 400}, nullptr, 101, &nan_before);
              }),
              HasSubstr("past the end of 400 bytes of dynamic shared memory"));
}

TEST(Memory, DeviceMemoryBeginsAsNaN) {
  float* memory = nullptr;
  check(cudaMalloc(&memory, 40), "memory");
  EXPECT_NE(memory[3], memory[3]);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(memory) % 256, 0u);
  size_t free_before = 0, free_after = 0, total = 0;
  cudaMemGetInfo(&free_before, &total);
  check(cudaFree(memory), "memory");
  cudaMemGetInfo(&free_after, &total);
  EXPECT_EQ(free_after, free_before + 40);
  EXPECT_EQ(cudaMalloc(&memory, size_t{1} << 50), cudaErrorMemoryAllocation);
  EXPECT_EQ(cudaGetLastError(), cudaErrorMemoryAllocation);
  EXPECT_EQ(cudaGetLastError(), cudaSuccess);
  EXPECT_EQ(cudaFree(&total), cudaErrorInvalidValue);
}

template <bool wait, bool valid>
__global__ void copy_through_shared(const float4* in, float* out) {
  float* memory = shared_memory<float>();
  cp_async_16(memory + 4 * threadIdx.x, in + threadIdx.x, valid);
  cp_async_commit();
  cp_async_4(memory + 128 + threadIdx.x, in);
  cp_async_commit();
  if (wait) cp_async_wait<1>();
  __syncthreads();
  for (unsigned i = threadIdx.x; i < 160; i += 32) out[i] = memory[i];
}

TEST(Memory, AsynchronousCopiesMayComeEarlyAndLateButAreThereWhenWaitedFor) {
  float4* in = nullptr;
  check(cudaMalloc(&in, 32 * sizeof(float4)), "memory");
  for (int i = 0; i < 128; ++i) reinterpret_cast<float*>(in)[i] = static_cast<float>(i);
  std::vector<float> out(160);
  const auto missing = [&](size_t begin, size_t end) {
    size_t count = 0;
    for (size_t i = begin; i < end; ++i) count += std::isnan(out[i]) ? 1 : 0;
    return count;
  };
  const auto some = [](size_t of) { return testing::AllOf(testing::Gt(0u), testing::Lt(of)); };
  launch(copy_through_shared<true, true>, {1, 32, 640}, nullptr, in, out.data());
  for (int i = 0; i < 128; ++i) EXPECT_EQ(out[static_cast<size_t>(i)], i);
  EXPECT_THAT(missing(128, 160), some(32)) << "the newest group is not awaited";
  launch(copy_through_shared<false, true>, {1, 32, 640}, nullptr, in, out.data());
  EXPECT_THAT(missing(0, 128), some(128));
  EXPECT_THAT(missing(128, 160), some(32));
  launch(copy_through_shared<true, false>, {1, 32, 640}, nullptr, in, out.data());
  for (size_t i = 0; i < 128; ++i) EXPECT_EQ(out[i], 0);
  EXPECT_THAT(violation([&] {
                launch(copy_through_shared<true, true>, {1, 32, 640}, nullptr,
                       reinterpret_cast<float4*>(reinterpret_cast<float*>(in) + 1), out.data());
              }),
              HasSubstr("not aligned"));
  check(cudaFree(in), "memory");
}

TEST(Runtime, AGraphDoesItsWorkAtEveryLaunch) {
  cudaStream_t stream = nullptr;
  check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "stream");
  int count = 0, copy = 0;
  check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), "capture");
  launch(early_end, {1, 64}, stream, &count);
  check(cudaMemcpyAsync(&copy, &count, sizeof count, cudaMemcpyDefault, stream), "copy");
  EXPECT_EQ(cudaStreamSynchronize(stream), cudaErrorStreamCaptureUnsupported);
  cudaGraph_t graph = nullptr;
  check(cudaStreamEndCapture(stream, &graph), "capture");
  EXPECT_EQ(count, 0);
  cudaGraphExec_t executable = nullptr;
  check(cudaGraphInstantiate(&executable, graph), "graph");
  check(cudaGraphDestroy(graph), "graph");
  for (int i = 0; i < 3; ++i) check(cudaGraphLaunch(executable, stream), "graph");
  EXPECT_EQ(count, 60);
  EXPECT_EQ(copy, 60);
  check(cudaGraphExecDestroy(executable), "graph");
  check(cudaStreamDestroy(stream), "stream");
}

}  // namespace
}  // namespace echo::cuda
