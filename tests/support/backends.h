// The backends that every test of an operation runs on.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tensor/backend.h"

namespace echo {

struct TestBackend {
  std::string name;  // of a test's parameter: cpu_avx2, ...
  std::shared_ptr<Backend> (*make)(const std::string& name);
  bool emulated = false;  // thousands of times slower than the device that it stands for
};

void PrintTo(const TestBackend& backend, std::ostream* out);

enum class Device { kCpu, kGpu };

// Which backends a test program has: one of its files says so before its tests are listed.
class TestBackends {
 public:
  // Returns those that can run on the device; none where there is no such device.
  using List = std::vector<TestBackend> (*)(Device device);

  // Returns true, so that a constant of a file can be what calls it.
  static bool use(List list);
};

// Those of the program. Throws kInternal where none were named: its tests would be none, too.
std::vector<TestBackend> test_backends(Device device);
// The best of them only, for operations that all of them compute with the same code.
std::vector<TestBackend> best_backend(Device device);

// A suite's backend is made once, at the first test that asks for it.
class BackendTest : public testing::TestWithParam<TestBackend> {
 protected:
  static Backend& backend();
  static bool emulated() { return GetParam().emulated; }
  // float32, and bfloat16 where the backend multiplies it.
  static std::vector<DType> matrix_types();
  static constexpr DType kFloatTypes[] = {DType::kFloat32, DType::kBFloat16};
};

inline std::string backend_name(const testing::TestParamInfo<TestBackend>& info) {
  return info.param.name;
}

}  // namespace echo

// Runs the tests of a suite that derives from BackendTest on every backend. The tests on a
// GPU have names that begin with Gpu, and so that label.
#define ECHO_ON_EVERY_BACKEND(suite)                                                   \
  INSTANTIATE_TEST_SUITE_P(Cpu, suite, testing::ValuesIn(test_backends(Device::kCpu)), \
                           backend_name);                                              \
  INSTANTIATE_TEST_SUITE_P(Gpu, suite, testing::ValuesIn(test_backends(Device::kGpu)), \
                           backend_name);                                              \
  GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(suite)
#define ECHO_ON_EVERY_DEVICE(suite)                                                   \
  INSTANTIATE_TEST_SUITE_P(Cpu, suite, testing::ValuesIn(best_backend(Device::kCpu)), \
                           backend_name);                                             \
  INSTANTIATE_TEST_SUITE_P(Gpu, suite, testing::ValuesIn(best_backend(Device::kGpu)), \
                           backend_name);                                             \
  GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(suite)
