// Does the store work from here, with these keys?
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "net/object_store.h"

namespace echo {

struct CheckStep {
  enum class Status { kPass, kFail, kSkipped };
  std::string name;  // "put", "link", "fetch", "delete"
  Status status = Status::kSkipped;
  std::string detail;  // what was done and how long it took, or why it failed; no secrets
};

// Puts a probe under a name of its own, makes a link, fetches the probe through it, and deletes it.
// Steps that need a failed one are skipped. Never throws for what the store does.
std::vector<CheckStep> check_storage(ObjectStore& store, Clock& clock = real_clock());

bool all_passed(const std::vector<CheckStep>& steps);

}  // namespace echo
