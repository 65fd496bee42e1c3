// The module as it was built, on a machine with or without a GPU.
#if defined(ECHO_BUILT_MODULE)
#include <dlfcn.h>
#include <gmock/gmock.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "cuda/loader/loader.h"

namespace echo::cuda {
namespace {

TEST(BuiltModule, OpensOrSaysInOneLineWhyNot) {
  try {
    EXPECT_EQ(open_backend(ECHO_BUILT_MODULE, {})->name(), "cuda");
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnavailable);
    EXPECT_THAT(error.what(), testing::StartsWith("CUDA: "));
    EXPECT_THAT(error.what(), testing::Not(testing::HasSubstr("\n")));
  }
}

TEST(BuiltModule, RefusesAProgramOfAnotherBuild) {
  void* handle = dlopen(ECHO_BUILT_MODULE, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (!handle) GTEST_SKIP() << dlerror();  // cuBLASLt lies where only the loader looks
  const auto entry = reinterpret_cast<Entry>(dlsym(handle, kEntryName));
  ASSERT_NE(entry, nullptr);
  ModuleReply reply;
  entry(interface_version() + 1, nullptr, &reply);
  EXPECT_EQ(reply.backend, nullptr);
  EXPECT_EQ(static_cast<ErrorCode>(reply.error_code), ErrorCode::kInternal);
  EXPECT_STREQ(reply.error, "CUDA: the module is of another build");
  EXPECT_EQ(dlsym(handle, "_ZTIN4echo5ErrorE"), nullptr);  // nothing else is visible
}

// Ends the process with what a machine with this driver is told.
[[noreturn]] void open_with_driver(const char* version, const char* status) {
  setenv("ECHO_TEST_DRIVER_VERSION", version, 1);
  setenv("ECHO_TEST_DRIVER_STATUS", status, 1);
  if (!dlopen(ECHO_TEST_DRIVER, RTLD_NOW | RTLD_GLOBAL)) std::fprintf(stderr, "%s", dlerror());
  try {
    open_backend(ECHO_BUILT_MODULE, {});
  } catch (const Error& error) {
    std::fprintf(stderr, "%s", error.what());
    std::exit(static_cast<int>(error.code()));
  }
  std::exit(EXIT_SUCCESS);
}

TEST(BuiltModuleDeathTest, SaysWhatTheRuntimeFinds) {
  if (dlopen("libcuda.so.1", RTLD_NOW | RTLD_NOLOAD)) GTEST_SKIP() << "a driver is open already";
  GTEST_FLAG_SET(death_test_style, "threadsafe");  // the runtime looks for a driver once
  const auto unavailable = testing::ExitedWithCode(static_cast<int>(ErrorCode::kUnavailable));
  EXPECT_EXIT(
      open_with_driver("11040", "0"), unavailable,
      "^CUDA: the driver is too old: it is made for CUDA 11.4, at least 1[23].0 is needed$");
  EXPECT_EXIT(open_with_driver("99000", "100"), unavailable, "^CUDA: there is no GPU$");
  EXPECT_EXIT(open_with_driver("99000", "999"), unavailable,
              "^CUDA: the driver does not answer: unknown error$");
}

}  // namespace
}  // namespace echo::cuda
#endif
