// A driver that answers as ECHO_TEST_DRIVER_VERSION and ECHO_TEST_DRIVER_STATUS say and has no
// device, under the name that the CUDA runtime opens.
#include <cstdlib>
#include <string_view>

namespace {

int number(const char* variable) {
  const char* text = std::getenv(variable);
  return text ? std::atoi(text) : 0;
}

int init(unsigned) { return number("ECHO_TEST_DRIVER_STATUS"); }
int driver_version(int* version) {
  *version = number("ECHO_TEST_DRIVER_VERSION");
  return 0;
}
int device_count(int* count) {
  *count = 0;
  return 0;
}
int not_initialized() { return 3; }

}  // namespace

extern "C" int cuGetProcAddress_v2(const char* symbol, void** address, int, unsigned long long,
                                   int* status) {
  const std::string_view name = symbol;
  *address = name == "cuInit"               ? reinterpret_cast<void*>(init)
             : name == "cuDriverGetVersion" ? reinterpret_cast<void*>(driver_version)
             : name == "cuDeviceGetCount"   ? reinterpret_cast<void*>(device_count)
             : name == "cuGetProcAddress"   ? reinterpret_cast<void*>(cuGetProcAddress_v2)
                                            : reinterpret_cast<void*>(not_initialized);
  if (status) *status = 0;
  return 0;
}
extern "C" int cuInit(unsigned flags) { return init(flags); }
extern "C" int cuDriverGetVersion(int* version) { return driver_version(version); }
