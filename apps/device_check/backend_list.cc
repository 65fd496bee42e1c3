// The backends that the operation tests of this program run on: the GPU. Stands in for
// tests/support/backend_list.cc.
#include "engine/device.h"
#include "support/backends.h"

namespace echo {
namespace {

std::shared_ptr<Backend> make_cuda(const std::string&) { return make_device({}); }

}  // namespace

std::vector<TestBackend> test_backends(Device device) {
  if (device == Device::kCpu) return {};
  return {{"cuda", make_cuda}};
}

}  // namespace echo
