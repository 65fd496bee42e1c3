#include "support/shared_by_tests.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace echo {
namespace {

class EndOfTests : public testing::Environment {
 public:
  void add(std::function<void()> work) { works_.push_back(std::move(work)); }
  void TearDown() override {
    while (!works_.empty()) {
      works_.back()();
      works_.pop_back();
    }
  }

 private:
  std::vector<std::function<void()>> works_;
};

// Before main(), as GoogleTest asks, which owns it.
EndOfTests* const end_of_tests = [] {
  auto* environment = new EndOfTests;
  testing::AddGlobalTestEnvironment(environment);
  return environment;
}();

}  // namespace

void at_end_of_tests(std::function<void()> work) { end_of_tests->add(std::move(work)); }

}  // namespace echo
