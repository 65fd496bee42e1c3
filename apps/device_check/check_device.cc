#include "apps/device_check/check_device.h"

#include "apps/device_check/notices.h"
#include "devices/devices.h"
#include "support/backends.h"

namespace echo::device_check {
namespace {

std::shared_ptr<Backend> make_cuda(const std::string&) { return make_device(check_device()); }

std::vector<TestBackend> backends(Device device) {
  if (device == Device::kCpu) return {};
  return {{"cuda", make_cuda}};
}

}  // namespace

DeviceOptions check_device() {
  DeviceKind gpu = cuda_device();
  gpu.make = [make = gpu.make](DeviceOptions options, int index) {
    options.notice = [told = options.notice](const std::string& line) {
      device_notices().add(line);
      if (told) told(line);
    };
    return make(options, index);
  };
  DeviceOptions options;
  options.kinds = {std::move(gpu)};
  options.name = "cuda";
  return options;
}

void test_on_check_device() { TestBackends::use(backends); }

}  // namespace echo::device_check
