// What several tests of a program use, made once.
#pragma once

#include <functional>
#include <type_traits>

namespace echo {

// Runs `work` after the last test and before main() returns, what was registered last first.
void at_end_of_tests(std::function<void()> work);

// Returns *make(), made at the first call and destroyed at the end of the tests. Each `make` is a
// lambda of its own. A static would be destroyed as the process exits, when what a library keeps
// for its own use may be gone, while threads of the thing still work with it.
template <class Make>
auto& shared_by_tests(Make make) {
  static std::invoke_result_t<Make> instance = make();  // what it uses registers first, goes last
  [[maybe_unused]] static const bool registered = [] {
    at_end_of_tests([] { instance.reset(); });
    return true;
  }();
  return *instance;
}

}  // namespace echo
