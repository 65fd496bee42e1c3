// A report as one page: tables with bars, and the roofline as an SVG.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "bench/report.h"

namespace echo::bench {
namespace {

constexpr const char* kStyle =
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;"
    "color:#222;background:#fff}table{border-collapse:collapse;width:100%}"
    "td{padding:.2rem .6rem;border-bottom:1px solid #ddd;white-space:nowrap}"
    "td.number{text-align:right;font-variant-numeric:tabular-nums}td.bar{width:45%}"
    ".bar div{height:.9rem;background:#4c78a8;border-radius:2px}"
    "svg text{font:12px system-ui,sans-serif;fill:currentColor}"
    "@media(prefers-color-scheme:dark){body{color:#ddd;background:#1b1b1b}"
    "td{border-color:#444}}";

std::string escaped(const std::string& text) {
  std::string result;
  for (const char c : text) {
    switch (c) {
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '&':
        result += "&amp;";
        break;
      case '"':
        result += "&quot;";
        break;
      default:
        result += c;
    }
  }
  return result;
}

template <class... Values>
std::string format(const char* pattern, Values... values) {
  char text[512];
  std::snprintf(text, sizeof text, pattern, values...);
  return text;
}

// Bars are as long as the values, among the rows of one unit.
std::string table(const std::vector<ReportRow>& rows) {
  std::string html = "<table>\n";
  for (const ReportRow& row : rows) {
    double largest = 0;
    for (const ReportRow& other : rows) {
      if (other.unit == row.unit) largest = std::max(largest, other.value);
    }
    const double width = largest > 0 ? 100 * row.value / largest : 0;
    html += "<tr><td>" + escaped(row.name) + "</td>" +
            format("<td class=\"number\">%.3f ", row.value) + escaped(row.unit) + "</td>" +
            "<td class=\"number\">" +
            (row.flops > 0 ? format("%.0f GFLOP/s", row.flops / 1e9) : std::string()) + "</td>" +
            format("<td class=\"bar\"><div style=\"width:%.1f%%\"></div></td></tr>\n", width);
  }
  return html + "</table>\n";
}

// Both axes are logarithmic: FLOP for each byte, and GFLOP/s.
class Roofline {
 public:
  explicit Roofline(const Report& report) : report_(report) {
    for (const RooflinePoint& point : report.points) {
      if (!shown(point)) continue;
      most_ = std::max(most_, intensity(point) * 2);
      least_rate_ = std::min(least_rate_, rate(point) / 2);
    }
  }

  std::string svg() const {
    std::string svg = format("<svg viewBox=\"0 0 %d %d\" role=\"img\">\n", kWidth, kHeight);
    const double ridge = report_.peak_flops / report_.peak_bytes;
    svg += format(
        "<polyline fill=\"none\" stroke=\"#e45756\" stroke-width=\"2\" "
        "points=\"%.1f,%.1f %.1f,%.1f %.1f,%.1f\"/>\n",
        x(kMin), y(kMin * report_.peak_bytes), x(ridge), y(report_.peak_flops), x(most_),
        y(report_.peak_flops));
    svg += label(
        x(ridge), y(report_.peak_flops) - 6,
        format("%.0f GFLOP/s, %.1f GB/s", report_.peak_flops / 1e9, report_.peak_bytes / 1e9));
    for (const RooflinePoint& point : report_.points) {
      if (!shown(point)) continue;
      svg += format("<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4\" fill=\"#4c78a8\"/>\n",
                    x(intensity(point)), y(rate(point)));
      svg += label(x(intensity(point)) + 6, y(rate(point)) + 4, point.name);
    }
    svg += label(kWidth / 2.0 - 60, kHeight - 6, "FLOP for each byte");
    svg += label(4, 14, "GFLOP/s");
    return svg + "</svg>\n";
  }

 private:
  static constexpr int kWidth = 800, kHeight = 420, kMargin = 40;
  static constexpr double kMin = 0.1;

  static bool shown(const RooflinePoint& p) { return p.flops > 0 && p.bytes > 0 && p.seconds > 0; }
  static double intensity(const RooflinePoint& p) { return p.flops / p.bytes; }
  static double rate(const RooflinePoint& p) { return p.flops / p.seconds; }
  static std::string label(double x, double y, const std::string& text) {
    return format("<text x=\"%.1f\" y=\"%.1f\">", x, y) + escaped(text) + "</text>\n";
  }

  double x(double intensity) const {
    return kMargin + (kWidth - 4 * kMargin) * std::log(intensity / kMin) / std::log(most_ / kMin);
  }
  double y(double rate) const {
    const double top = report_.peak_flops * 1.5;
    return kHeight - kMargin -
           (kHeight - 2 * kMargin) * std::log(std::max(rate, least_rate_) / least_rate_) /
               std::log(top / least_rate_);
  }

  const Report& report_;
  double most_ = 1000;
  double least_rate_ = 1e9;
};

}  // namespace

std::string Report::html() const {
  std::string html =
      "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width\">"
      "<title>echo-tts bench</title><style>";
  html += kStyle;
  html += "</style>\n<h1>echo-tts bench</h1>\n<p>" + escaped(machine) + "<br>" + escaped(settings) +
          "</p>\n<h2>What it gives</h2>\n" + table(asked);
  if (!stages.empty()) html += "<h2>Stages</h2>\n" + table(stages);
  if (!points.empty() && peak_flops > 0 && peak_bytes > 0) {
    html +=
        "<h2>Roofline</h2>\n<p>What each operation computes for each byte that it must move, "
        "and how fast, under this run's own rates of matmuls and of memory.</p>\n" +
        Roofline(*this).svg();
  }
  return html + "</html>\n";
}

}  // namespace echo::bench
