// A bench result as text and as JSON.
#include <cstdio>

#include "apps/device_check/device_bench.h"

namespace echo::device_check {
namespace {

template <class... Values>
std::string line(const char* format, Values... values) {
  char text[256];
  std::snprintf(text, sizeof text, format, values...);
  return text;
}

}  // namespace

std::string BenchResult::table() const {
  std::string text = device + "\n" + precision + "\n";
  text += line("bf16 matmul rate %.0f TFLOP/s, copy rate %.0f GB/s (this run)\n",
               matmul_flops / 1e12, copy_bytes / 1e9);
  text += line(
      "load %.2f s (aim 2.5 s), weights %.2f GB, most memory %.2f GB (aim 6.5 GB, in 8 bits "
      "4 GB)\n\n",
      load_seconds, weights_bytes / 1e9, most_bytes / 1e9);
  text += line("%-34s %11s %11s %9s %9s %12s\n", "stage", "median", "fastest", "aim", "TFLOP/s",
               "of matmul");
  for (const Measurement& m : measurements) {
    text += line("%-34s %8.2f ms %8.2f ms", m.name.c_str(), m.seconds * 1e3, m.fastest * 1e3);
    text += m.aim > 0 ? line(" %6.0f ms", m.aim * 1e3) : line(" %9s", "");
    if (m.flops > 0) {
      text += line(" %9.0f %10.0f %%", m.flops / m.seconds / 1e12,
                   100 * m.flops / m.seconds / matmul_flops);
    }
    text += "\n";
  }
  text += line("requests at once: %.2f x the throughput of one at a time (aim 1.40 x)\n\n",
               throughput_gain);
  std::string stage;
  for (const RooflineLine& r : roofline) {
    if (r.stage != stage) text += r.stage + ", operations over 2 %:\n";
    stage = r.stage;
    text += line("  %-32s %6lld calls %9.3f ms %5.1f %%  roofline %9.3f ms, reached %3.0f %%\n",
                 r.operation.c_str(), static_cast<long long>(r.calls), r.seconds * 1e3,
                 100 * r.share, r.attainable * 1e3, 100 * r.attainable / r.seconds);
  }
  return text;
}

nlohmann::json BenchResult::json() const {
  nlohmann::json result = {{"device", device},
                           {"precision", precision},
                           {"matmul_tflops", matmul_flops / 1e12},
                           {"copy_gb_per_second", copy_bytes / 1e9},
                           {"load_seconds", load_seconds},
                           {"weights_bytes", weights_bytes},
                           {"most_bytes", most_bytes},
                           {"throughput_gain", throughput_gain},
                           {"stages", nlohmann::json::array()},
                           {"roofline", nlohmann::json::array()}};
  for (const Measurement& m : measurements) {
    result["stages"].push_back({{"name", m.name},
                                {"median_seconds", m.seconds},
                                {"fastest_seconds", m.fastest},
                                {"aim_seconds", m.aim},
                                {"flops", m.flops},
                                {"share_of_matmul_rate", m.flops / m.seconds / matmul_flops}});
  }
  for (const RooflineLine& r : roofline) {
    result["roofline"].push_back({{"stage", r.stage},
                                  {"operation", r.operation},
                                  {"calls", r.calls},
                                  {"seconds", r.seconds},
                                  {"share", r.share},
                                  {"flops", r.flops},
                                  {"bytes", r.bytes},
                                  {"attainable_seconds", r.attainable}});
  }
  return result;
}

}  // namespace echo::device_check
