#include "parity/report.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

namespace echo::parity {
namespace {

constexpr size_t kListedFailures = 40;  // of a table; one wrong kernel fails hundreds of cases
constexpr double kInfinity = std::numeric_limits<double>::infinity();

double nearness(double value, double limit) {
  if (limit > 0) return value / limit;
  return value > 0 ? kInfinity : 0;
}

std::string number(const char* format, double value) {
  char text[32];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

// One line of the table.
std::string line(const std::string& stage, const std::string& cases, const std::string& worst,
                 const std::string& limit, const std::string& verdict, const std::string& nearest) {
  char columns[128];
  std::snprintf(columns, sizeof columns, " %6s %9s %9s  %-7s ", cases.c_str(), worst.c_str(),
                limit.c_str(), verdict.c_str());
  std::string text = stage;
  if (text.size() < 36) text.resize(36, ' ');
  return text + columns + nearest + "\n";
}

}  // namespace

double largest_difference(std::span<const float> computed, std::span<const float> expected) {
  if (computed.size() != expected.size()) return kInfinity;
  double largest = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    const double difference = std::abs(double{computed[i]} - double{expected[i]});
    if (!std::isfinite(difference)) return kInfinity;
    largest = std::max(largest, difference);
  }
  return largest;
}

StageResult& Report::row(std::string_view stage) {
  const auto found = std::find_if(stages_.begin(), stages_.end(),
                                  [&](const StageResult& r) { return r.stage == stage; });
  if (found != stages_.end()) return *found;
  stages_.push_back({std::string(stage), 0, 0, {}, 0, 0});
  return stages_.back();
}

void Report::compare(std::string_view stage, const GoldenSet& set, std::string_view tensor,
                     std::span<const float> computed) {
  add(stage, tensor, set.compare(tensor, computed, float32_multiple_));
}

void Report::compare_bfloat16(std::string_view stage, const GoldenSet& set, std::string_view tensor,
                              std::span<const float> computed) {
  add(stage, tensor, set.compare_bfloat16(tensor, computed));
}

void Report::add(std::string_view stage, std::string_view name,
                 const GoldenDifference& difference) {
  names_.emplace(name);
  StageResult& result = row(stage);
  ++result.cases;
  if (!difference.passed()) {
    ++result.failures;
    failures_.push_back({result.stage + ": " + std::string(name),
                         difference.limit > 0 ? number("%.3g", difference.rel_l2) + ", limit " +
                                                    number("%.3g", difference.limit)
                                              : "differs"});
  }
  if (result.cases == 1 ||
      nearness(difference.rel_l2, difference.limit) > nearness(result.worst, result.limit)) {
    result.worst_case = name;
    result.worst = difference.rel_l2;
    result.limit = difference.limit;
  }
}

void Report::add(std::string_view stage, std::string_view name, bool equal) {
  add(stage, name, GoldenDifference{equal ? 0.0 : 1.0, 0.0});
}

void Report::fail(std::string_view stage, std::string_view name, std::string_view reason) {
  add(stage, name, GoldenDifference{kInfinity, 0.0});
  failures_.back().reason = reason;
}

void Report::attempt(std::string_view stage, std::string_view name,
                     const std::function<void()>& cases) {
  try {
    cases();
  } catch (const nlohmann::json::exception& error) {
    fail(stage, name, std::string("the JSON data does not have its form: ") + error.what());
  } catch (const std::exception& error) {
    fail(stage, name, error.what());
  }
}

void Report::leave_out(std::string_view name, std::string_view reason) {
  left_out_.push_back({std::string(name), std::string(reason)});
}

int64_t Report::cases() const {
  int64_t cases = 0;
  for (const StageResult& stage : stages_) cases += stage.cases;
  return cases;
}

bool Report::passed() const {
  return !stages_.empty() && std::all_of(stages_.begin(), stages_.end(),
                                         [](const StageResult& r) { return r.passed(); });
}

std::string Report::table() const {
  std::string text = line("stage", "cases", "worst", "limit", "verdict", "nearest to its limit");
  for (const StageResult& r : stages_) {
    const bool exact = r.limit == 0;
    text += line(r.stage, std::to_string(r.cases),
                 exact ? (r.worst == 0 ? "equal" : "differs") : number("%.2e", r.worst),
                 exact ? "exact" : number("%.2e", r.limit), r.passed() ? "ok" : "FAILED",
                 exact && r.passed() ? "" : r.worst_case);
  }
  for (size_t i = 0; i < failures_.size() && i < kListedFailures; ++i) {
    text += "failed: " + failures_[i].name + " (" + failures_[i].reason + ")\n";
  }
  if (failures_.size() > kListedFailures) {
    text += "failed: " + std::to_string(failures_.size() - kListedFailures) + " more\n";
  }
  for (const Note& note : left_out_) {
    text += "left out: " + note.name + " (" + note.reason + ")\n";
  }
  return text;
}

}  // namespace echo::parity
