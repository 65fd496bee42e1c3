#include "bench/report.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "base/error.h"

namespace echo::bench {
namespace {

nlohmann::json rows_json(const std::vector<ReportRow>& rows) {
  nlohmann::json list = nlohmann::json::array();
  for (const ReportRow& row : rows) {
    list.push_back({{"name", row.name},
                    {"unit", row.unit},
                    {"value", row.value},
                    {"more_is_better", row.more_is_better},
                    {"flops", row.flops}});
  }
  return list;
}

std::vector<ReportRow> rows_of(const nlohmann::json& list) {
  std::vector<ReportRow> rows;
  for (const nlohmann::json& row : list) {
    rows.push_back({row.at("name"), row.at("unit"), row.at("value"), row.at("more_is_better"),
                    row.at("flops")});
  }
  return rows;
}

void compare(const std::vector<ReportRow>& before, const std::vector<ReportRow>& now,
             std::string& text, std::string& alone) {
  for (const ReportRow& row : now) {
    const auto other = std::find_if(before.begin(), before.end(), [&](const ReportRow& candidate) {
      return candidate.name == row.name && candidate.unit == row.unit;
    });
    if (other == before.end()) {
      alone += "only in the second: " + row.name + "\n";
      continue;
    }
    const bool known = row.value > 0 && other->value > 0;
    const double gain = row.more_is_better ? row.value / other->value : other->value / row.value;
    text += line("%-40s %10.3f %10.3f %-12s", row.name.c_str(), other->value, row.value,
                 row.unit.c_str());
    text += known ? line(" %6.2f x\n", gain) : std::string("      -\n");
  }
  for (const ReportRow& row : before) {
    if (std::none_of(now.begin(), now.end(), [&](const ReportRow& candidate) {
          return candidate.name == row.name && candidate.unit == row.unit;
        })) {
      alone += "only in the first: " + row.name + "\n";
    }
  }
}

}  // namespace

std::string Report::text() const {
  std::string text = machine + "\n" + settings + "\n\n";
  for (const ReportRow& row : asked) {
    text += line("%-44s %10.3f %s\n", row.name.c_str(), row.value, row.unit.c_str());
  }
  return text + "\n";
}

nlohmann::json Report::json() const {
  nlohmann::json list = nlohmann::json::array();
  for (const RooflinePoint& point : points) {
    list.push_back({{"name", point.name},
                    {"flops", point.flops},
                    {"bytes", point.bytes},
                    {"seconds", point.seconds}});
  }
  return {{"format", "echo-tts bench"}, {"version", 1},
          {"machine", machine},         {"settings", settings},
          {"asked", rows_json(asked)},  {"stages", rows_json(stages)},
          {"points", std::move(list)},  {"peak_flops", peak_flops},
          {"peak_bytes", peak_bytes}};
}

Report parse_report(const std::string& text, const std::string& file) {
  try {
    const auto json = nlohmann::json::parse(text);
    if (json.at("format") != "echo-tts bench" || json.at("version") != 1) {
      throw_corrupt(file + ": expected version 1 of what `echo-tts bench --json` writes");
    }
    Report report;
    report.machine = json.at("machine");
    report.settings = json.at("settings");
    report.asked = rows_of(json.at("asked"));
    report.stages = rows_of(json.at("stages"));
    for (const nlohmann::json& point : json.at("points")) {
      report.points.push_back(
          {point.at("name"), point.at("flops"), point.at("bytes"), point.at("seconds")});
    }
    report.peak_flops = json.at("peak_flops");
    report.peak_bytes = json.at("peak_bytes");
    return report;
  } catch (const nlohmann::json::exception&) {
    throw_corrupt(file + ": expected what `echo-tts bench --json` writes");
  }
}

std::string comparison(const Report& before, const Report& now) {
  std::string alone;
  std::string text = "first:  " + before.machine + ", " + before.settings +
                     "\nsecond: " + now.machine + ", " + now.settings + "\n\n" +
                     line("%-40s %10s %10s %-12s %8s\n", "", "first", "second", "", "gain");
  compare(before.asked, now.asked, text, alone);
  text += "\n";
  compare(before.stages, now.stages, text, alone);
  return text + (alone.empty() ? "" : "\n" + alone);
}

}  // namespace echo::bench
