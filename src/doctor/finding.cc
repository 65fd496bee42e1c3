#include "doctor/finding.h"

#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include "base/visible_text.h"

namespace echo {
namespace {

// Shared with the examination's thread, which may outlive the wait for it.
struct Pending {
  std::mutex mutex;
  std::condition_variable changed;
  std::optional<Finding> finding;
};

Finding carry_out(const Examination& examination) {
  auto pending = std::make_shared<Pending>();
  std::stop_source stop;
  std::thread([pending, examination, token = stop.get_token()] {
    Finding finding;
    try {
      finding = examination.run(token);
    } catch (const std::exception& error) {
      finding = {Verdict::kFail, error.what(), examination.remedy};
    }
    const std::lock_guard lock(pending->mutex);
    pending->finding = std::move(finding);
    pending->changed.notify_all();
  }).detach();
  std::unique_lock lock(pending->mutex);
  if (!pending->changed.wait_for(lock, examination.limit,
                                 [&] { return pending->finding.has_value(); })) {
    stop.request_stop();
    return {Verdict::kFail,
            "no result after " + std::to_string(examination.limit.count() / 1000) + " s",
            examination.remedy};
  }
  return *pending->finding;
}

}  // namespace

std::string_view verdict_name(Verdict verdict) {
  switch (verdict) {
    case Verdict::kPass:
      return "pass";
    case Verdict::kWarn:
      return "warn";
    case Verdict::kFail:
      break;
  }
  return "fail";
}

std::vector<NamedFinding> examine(const std::vector<Examination>& examinations,
                                  const std::function<void(const NamedFinding&)>& told) {
  std::vector<NamedFinding> findings;
  for (const Examination& examination : examinations) {
    findings.push_back({examination.name, carry_out(examination)});
    if (told) told(findings.back());
  }
  return findings;
}

Verdict worst(const std::vector<NamedFinding>& findings) {
  Verdict result = Verdict::kPass;
  for (const NamedFinding& named : findings) result = std::max(result, named.finding.verdict);
  return result;
}

nlohmann::ordered_json report(const std::vector<NamedFinding>& findings) {
  nlohmann::ordered_json checks = nlohmann::ordered_json::array();
  for (const auto& [name, finding] : findings) {
    nlohmann::ordered_json check = {
        {"name", name}, {"status", verdict_name(finding.verdict)}, {"detail", finding.detail}};
    if (!finding.remedy.empty()) check["remedy"] = finding.remedy;
    checks.push_back(std::move(check));
  }
  return {{"status", verdict_name(worst(findings))}, {"checks", std::move(checks)}};
}

std::string line_of(const NamedFinding& named) {
  constexpr size_t kNameWidth = 10;
  std::string text = std::string(verdict_name(named.finding.verdict)) + "  " + named.name;
  text.resize(std::max(text.size(), 6 + kNameWidth), ' ');
  text += " " + visible_text(named.finding.detail) + "\n";
  if (!named.finding.remedy.empty()) {
    text += std::string(7 + kNameWidth, ' ') + "-> " + visible_text(named.finding.remedy) + "\n";
  }
  return text;
}

}  // namespace echo
