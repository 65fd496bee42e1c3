// Opening a module, and what crosses its boundary. The module of these tests is linked as the real
// one: hidden symbols and its own copy of everything.
#include "cuda/loader/loader.h"

#include <gmock/gmock.h>

#include <fstream>
#include <new>

#include "devices/devices.h"
#include "support/temp_dir.h"
#include "support/thrown_error.h"

namespace echo::cuda {
namespace {

using testing::HasSubstr;

std::unique_ptr<Backend> open(int device) {
  CudaOptions options;
  options.device = device;
  return open_backend(ECHO_BOUNDARY_MODULE, options);
}

TEST(CudaModule, IsFoundBesideTheProgramUnlessGiven) {
  EXPECT_EQ(find_module("/some/where.so"), "/some/where.so");
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe");
  const std::filesystem::path found = find_module({});
  EXPECT_EQ(found.filename(), "libecho_cuda.so");
  EXPECT_EQ(found.parent_path(), program.parent_path());
}

TEST(CudaModule, ReasonsAreOneLine) {
  const Error missing = error_of([] { open_backend("/nowhere/libecho_cuda.so", {}); });
  EXPECT_EQ(missing.code(), ErrorCode::kUnavailable);
  EXPECT_STREQ(missing.what(), "CUDA: there is no module /nowhere/libecho_cuda.so");

  const TempDir folder;
  const std::filesystem::path text = folder.path() / "text.so";
  std::ofstream(text) << "not a library";
  const Error broken = error_of([&] { open_backend(text, {}); });
  EXPECT_EQ(broken.code(), ErrorCode::kUnavailable);
  EXPECT_THAT(broken.what(), HasSubstr("cannot be opened"));

  const Error other = error_of([] { open_backend(ECHO_EMPTY_MODULE, {}); });
  EXPECT_EQ(other.code(), ErrorCode::kInternal);
  EXPECT_THAT(other.what(), HasSubstr("is not a module of this program"));

  const Error refused = error_of([] { open(1); });
  EXPECT_EQ(refused.code(), ErrorCode::kUnavailable);
  EXPECT_STREQ(refused.what(), "CUDA: the driver is too old");

  const Error endless = error_of([] { open(2); });
  EXPECT_EQ(endless.code(), ErrorCode::kInternal);
  EXPECT_EQ(std::string(endless.what()), std::string(511, 'x'));
}

TEST(CudaModule, ErrorsThrownInTheModuleAreCaughtHere) {
  const std::unique_ptr<Backend> backend = open(0);
  EXPECT_EQ(backend->name(), "throwing");
  const Error broken = error_of([&] { backend->batch_width(); });
  EXPECT_EQ(broken.code(), ErrorCode::kInternal);
  EXPECT_STREQ(broken.what(), "the device broke");
  const Error full = error_of([&] { backend->allocate(1000); });
  EXPECT_EQ(full.code(), ErrorCode::kUnavailable);
  EXPECT_THROW(backend->compute_dtype(DType::kFloat32), std::bad_alloc);
  try {
    backend->batch_width();
    FAIL();
  } catch (const std::runtime_error& error) {  // by its base too
    EXPECT_STREQ(error.what(), "the device broke");
  }
}

TEST(CudaModule, BuffersOutliveTheBackend) {
  std::unique_ptr<Backend> backend = open(0);
  std::shared_ptr<Buffer> buffer = backend->allocate(3);
  backend.reset();
  EXPECT_EQ(buffer->bytes(), 3u);
  buffer.reset();
}

TEST(Device, NamesOfDevices) {
  for (const char* name : {"auto", "cpu", "cuda", "cuda:0", "cuda:12"}) {
    EXPECT_TRUE(is_device_name(name)) << name;
  }
  for (const char* name : {"", "gpu", "CUDA", "cuda:", "cuda:-1", "cuda:x", "cuda:1x", "cuda1",
                           "cuda:5000", "cpu:0"}) {
    EXPECT_FALSE(is_device_name(name)) << name;
    DeviceOptions options;
    options.kinds = all_devices();
    options.name = name;
    EXPECT_EQ(error_of([&] { make_device(options); }).code(), ErrorCode::kInvalidArgument);
  }
}

TEST(Device, AutoSaysWhyItTakesTheCpuAndCudaFails) {
  DeviceOptions options;
  options.kinds = all_devices();
  options.cuda_module = ECHO_BOUNDARY_MODULE;
  options.name = "cuda:1";
  EXPECT_EQ(error_of([&] { make_device(options); }).code(), ErrorCode::kUnavailable);
  options.name = "cuda";
  EXPECT_EQ(make_device(options)->name(), "throwing");

  std::vector<std::string> notices;
  options.notice = [&](const std::string& text) { notices.push_back(text); };
  options.name = "auto";
  EXPECT_EQ(make_device(options)->name(), "throwing");
  options.cuda_module = "/nowhere/module.so";
  EXPECT_EQ(make_device(options)->name(), "cpu");
  EXPECT_THAT(notices,
              testing::ElementsAre("the module says",
                                   "Using the CPU. CUDA: there is no module /nowhere/module.so"));
  options.notice = nullptr;
  EXPECT_EQ(make_device(options)->name(), "cpu");
}

TEST(Device, AProgramHasOnlyTheKindsThatItNames) {
  DeviceOptions options;
  options.name = "auto";
  EXPECT_EQ(error_of([&] { make_device(options); }).code(), ErrorCode::kUnavailable);
  options.kinds = {cpu_device()};
  EXPECT_EQ(make_device(options)->name(), "cpu");
  options.name = "cuda";
  const Error error = error_of([&] { make_device(options); });
  EXPECT_EQ(error.code(), ErrorCode::kUnavailable);
  EXPECT_THAT(error.what(), testing::HasSubstr("found \"cuda\", this program computes on: cpu"));
  options.kinds = {cuda_device()};
  options.name = "auto";
  options.cuda_module = "/nowhere/module.so";
  EXPECT_EQ(error_of([&] { make_device(options); }).code(), ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace echo::cuda
