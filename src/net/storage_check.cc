#include "net/storage_check.h"

#include <algorithm>
#include <functional>

#include "base/digest.h"
#include "base/error.h"

namespace echo {

std::vector<CheckStep> check_storage(ObjectStore& store, Clock& clock) {
  const std::string name = "echo-tts-probe-" + hex(random_bytes(8)) + ".txt";
  const std::string probe = "echo-tts storage check";
  std::string link;
  std::vector<CheckStep> steps;

  const auto step = [&](const char* title, bool wanted, const std::function<std::string()>& work) {
    CheckStep result{title, CheckStep::Status::kSkipped, "an earlier step failed"};
    if (wanted) {
      const auto start = clock.now();
      try {
        result.detail = work();
        result.status = CheckStep::Status::kPass;
        const auto took =
            std::chrono::duration_cast<std::chrono::milliseconds>(clock.now() - start);
        result.detail += " (" + std::to_string(took.count()) + " ms)";
      } catch (const std::exception& error) {
        result.detail = error.what();
        result.status = CheckStep::Status::kFail;
      }
    }
    steps.push_back(result);
    return result.status == CheckStep::Status::kPass;
  };

  const bool put = step("put", true, [&] {
    store.put(name, probe, "text/plain; charset=utf-8");
    return "wrote " + store.key(name) + " to " + store.describe();
  });
  const bool linked = step("link", put, [&] {
    link = store.link(name);
    return std::string("signed a link to it");
  });
  step("fetch", linked, [&] {
    if (store.read_link(link) != probe) throw_corrupt("the link gave other bytes than were put");
    return std::string("read it back through the link");
  });
  step("delete", put, [&] {
    store.remove(name);
    if (store.head(name)) throw_unavailable("the probe is still there");
    return std::string("deleted it");
  });
  return steps;
}

bool all_passed(const std::vector<CheckStep>& steps) {
  return std::all_of(steps.begin(), steps.end(),
                     [](const CheckStep& step) { return step.status == CheckStep::Status::kPass; });
}

}  // namespace echo
