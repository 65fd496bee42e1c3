// A module as the CUDA one is built: hidden symbols, its own copies of the libraries, one entry.
// Its name for the device says how it answers.
#include <cstring>
#include <new>
#include <string>

#include "base/error.h"
#include "cuda/loader/module_interface.h"
#include "tensor/forwarding_backend.h"

namespace echo::cuda {
namespace {

// Throws in every way that a backend can.
class ThrowingBackend : public ForwardingBackend {
 public:
  ThrowingBackend() : ForwardingBackend(nullptr) {}
  std::string name() const override { return "throwing"; }
  int64_t batch_width() const override { throw_internal("the device broke"); }
  DType compute_dtype(DType) const override { throw std::bad_alloc(); }
  std::shared_ptr<Buffer> allocate(size_t bytes) override {
    if (bytes > 100) throw_unavailable("out of memory");
    return std::make_shared<HostBuffer>(bytes);
  }

 private:
  struct HostBuffer : Buffer {
    explicit HostBuffer(size_t size) : memory(size, '\0') {}
    void* data() const override { return const_cast<char*>(memory.data()); }
    size_t bytes() const override { return memory.size(); }
    std::string memory;
  };
};

}  // namespace

extern "C" __attribute__((visibility("default"))) void echo_cuda_open(uint64_t version,
                                                                      const CudaOptions* options,
                                                                      ModuleReply* reply) {
  if (version != interface_version()) {
    reply->error_code = static_cast<int>(ErrorCode::kInternal);
    return void(std::strcpy(reply->error, "another build"));
  }
  if (options->device == 0) {
    if (options->notice) options->notice("the module says");
    reply->backend = new ThrowingBackend;
  } else if (options->device == 1) {
    reply->error_code = static_cast<int>(ErrorCode::kUnavailable);
    std::strcpy(reply->error, "CUDA: the driver is too old");
  } else {
    reply->error_code = 77;
    std::memset(reply->error, 'x', sizeof reply->error);  // not even ended
  }
}

}  // namespace echo::cuda
