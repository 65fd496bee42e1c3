#include "support/backends.h"

#include <map>

#include "base/error.h"

namespace echo {
namespace {

TestBackends::List& chosen() {
  static TestBackends::List list = nullptr;
  return list;
}

}  // namespace

bool TestBackends::use(List list) {
  chosen() = list;
  return true;
}

std::vector<TestBackend> test_backends(Device device) {
  if (!chosen()) throw_internal("tests: no backends were named, see TestBackends::use()");
  return chosen()(device);
}

void PrintTo(const TestBackend& backend, std::ostream* out) { *out << backend.name; }

std::vector<TestBackend> best_backend(Device device) {
  std::vector<TestBackend> found = test_backends(device);
  if (!found.empty()) found.resize(1);
  return found;
}

Backend& BackendTest::backend() {
  static std::map<std::string, std::shared_ptr<Backend>> made;
  std::shared_ptr<Backend>& found = made[GetParam().name];
  if (!found) found = GetParam().make(GetParam().name);
  return *found;
}

std::vector<DType> BackendTest::matrix_types() {
  std::vector<DType> types = {DType::kFloat32};
  if (backend().compute_dtype(DType::kBFloat16) == DType::kBFloat16) {
    types.push_back(DType::kBFloat16);
  }
  return types;
}

}  // namespace echo
