#include "parity/report.h"

#include <algorithm>
#include <cstdio>

namespace echo::parity {
namespace {

double nearness(double value, double limit) {
  if (limit > 0) return value / limit;
  return value > 0 ? 1e300 : 0;
}

}  // namespace

void Report::compare(std::string_view stage, const GoldenSet& set, std::string_view tensor,
                     std::span<const float> computed) {
  add(stage, tensor, set.compare(tensor, computed));
}

void Report::compare_bfloat16(std::string_view stage, const GoldenSet& set, std::string_view tensor,
                              std::span<const float> computed) {
  add(stage, tensor, set.compare_bfloat16(tensor, computed));
}

void Report::add(std::string_view stage, std::string_view name,
                 const GoldenDifference& difference) {
  auto row = std::find_if(stages_.begin(), stages_.end(),
                          [&](const StageResult& r) { return r.stage == stage; });
  if (row == stages_.end()) {
    stages_.push_back({std::string(stage), 0, 0, std::string(name), 0, 0});
    row = stages_.end() - 1;
  }
  ++row->cases;
  if (!difference.passed()) ++row->failures;
  if (row->cases == 1 ||
      nearness(difference.rel_l2, difference.limit) > nearness(row->worst, row->limit)) {
    row->worst_case = name;
    row->worst = difference.rel_l2;
    row->limit = difference.limit;
  }
}

void Report::add(std::string_view stage, std::string_view name, bool equal) {
  add(stage, name, GoldenDifference{equal ? 0.0 : 1.0, 0.0});
}

void Report::leave_out(std::string_view name, std::string_view reason) {
  left_out_.push_back({std::string(name), std::string(reason)});
}

bool Report::passed() const {
  return !stages_.empty() && std::all_of(stages_.begin(), stages_.end(),
                                         [](const StageResult& row) { return row.passed(); });
}

std::string Report::table() const {
  char line[256];
  std::snprintf(line, sizeof line, "%-34s %6s %10s %10s  %-7s %s\n", "stage", "cases", "worst",
                "limit", "verdict", "nearest to its limit");
  std::string text = line;
  for (const StageResult& row : stages_) {
    std::snprintf(line, sizeof line, "%-34s %6lld %10.2e %10.2e  %-7s %s\n", row.stage.c_str(),
                  static_cast<long long>(row.cases), row.worst, row.limit,
                  row.passed() ? "ok" : "FAILED", row.worst_case.c_str());
    text += line;
  }
  for (const LeftOut& entry : left_out_) {
    text += "left out: " + entry.name + " (" + entry.reason + ")\n";
  }
  return text;
}

}  // namespace echo::parity
