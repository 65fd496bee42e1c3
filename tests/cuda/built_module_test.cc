// The module as it was built, on a machine with or without a GPU.
#if defined(ECHO_BUILT_MODULE)
#include <dlfcn.h>
#include <gmock/gmock.h>

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

}  // namespace
}  // namespace echo::cuda
#endif
