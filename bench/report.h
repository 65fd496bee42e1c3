// What a bench found, for readers: as text, as JSON that a later run can be compared with, as a
// page.
#pragma once

#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace echo::bench {

// As printf, of at most 255 characters.
template <class... Values>
std::string line(const char* format, Values... values) {
  char text[256];
  std::snprintf(text, sizeof text, format, values...);
  return text;
}

struct ReportRow {
  std::string name, unit;  // "s", "GB", "x real time"
  double value = 0;
  bool more_is_better = false;
  double flops = 0;  // per second, of matmuls; 0: not counted
};

// An operation's place under the roof: what it computes for each byte, and how fast.
struct RooflinePoint {
  std::string name;
  double flops = 0, bytes = 0, seconds = 0;
};

struct Report {
  std::string machine, settings;
  std::vector<ReportRow> asked;   // what a user asks
  std::vector<ReportRow> stages;  // what it consists of
  std::vector<RooflinePoint> points;
  double peak_flops = 0, peak_bytes = 0;  // per second, of this machine in this run; 0: not known

  // The machine and the first table.
  std::string text() const;
  nlohmann::json json() const;
  // One page with bars and the roofline; it loads nothing.
  std::string html() const;
};

// Errors: kCorrupt for what Report::json() has not made, naming `file`.
Report parse_report(const std::string& text, const std::string& file);

// Two runs side by side: every row that both have, and how many times as good the second is; then
// the names of rows that only one has.
std::string comparison(const Report& before, const Report& now);

}  // namespace echo::bench
