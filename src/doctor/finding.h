// What an examination of an endpoint finds, and how it is carried out.
#pragma once

#include <chrono>
#include <functional>
#include <nlohmann/json.hpp>
#include <stop_token>
#include <string>
#include <vector>

namespace echo {

enum class Verdict { kPass, kWarn, kFail };

// "pass", "warn", "fail"
std::string_view verdict_name(Verdict verdict);

struct Finding {
  Verdict verdict = Verdict::kPass;
  std::string detail;       // what was found; no secrets
  std::string remedy = {};  // what to do about it; empty for a pass
};

struct Examination {
  std::string name;                             // "device", "memory", ...
  std::function<Finding(std::stop_token)> run;  // what it throws is a failure
  std::string remedy;                           // when it throws or takes too long
  std::chrono::milliseconds limit{30'000};      // longer is a failure
};

struct NamedFinding {
  std::string name;
  Finding finding;
};

// Carries them out one after the other, each on a thread of its own, so that one which hangs holds
// up no other; `told` hears of each when it is over.
std::vector<NamedFinding> examine(const std::vector<Examination>& examinations,
                                  const std::function<void(const NamedFinding&)>& told = {});

Verdict worst(const std::vector<NamedFinding>& findings);

// {"status": "fail", "checks": [{"name", "status", "detail", "remedy"}]}
nlohmann::ordered_json report(const std::vector<NamedFinding>& findings);

// "fail  memory     ...", and the remedy on a line below it.
std::string line_of(const NamedFinding& finding);

}  // namespace echo
