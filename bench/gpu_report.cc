// A bench result as text and as JSON.
#include "bench/gpu_bench.h"
#include "bench/report.h"

namespace echo::bench {

std::string GpuBenchResult::table() const {
  std::string text = device + "\n" + precision + ", codec " + codec_precision + "\n";
  text += line("bf16 matmul rate %.0f TFLOP/s, copy rate %.0f GB/s (this run)\n",
               matmul_flops / 1e12, copy_bytes / 1e9);
  text += line("load %.2f s, weights %.2f GB, most memory of one request %.2f GB\n\n", load_seconds,
               weights_bytes / 1e9, most_bytes / 1e9);
  text += line("%-44s %11s %11s %9s %12s\n", "stage", "median", "fastest", "TFLOP/s", "of matmul");
  for (const Measurement& m : measurements) {
    text += line("%-44s %8.2f ms %8.2f ms", m.name.c_str(), m.seconds * 1e3, m.fastest * 1e3);
    if (m.flops > 0) {
      text += line(" %9.1f %10.0f %%", m.flops / m.seconds / 1e12,
                   100 * m.flops / m.seconds / matmul_flops);
    }
    text += "\n";
  }
  if (throughput_gain > 0) {
    text += line("requests at once: %.2f x the throughput of one at a time\n", throughput_gain);
  }
  if (first_audio_length > 0) {
    text +=
        line("first audio: the first %.2f s of speech; the voice was cached, the text was not\n",
             first_audio_length);
  }
  text += "\n";
  std::string stage;
  for (const RooflineLine& r : roofline) {
    if (r.stage != stage) text += r.stage + ", operations over 2 %:\n";
    stage = r.stage;
    text += line("  %-32s %6lld calls %9.3f ms %5.1f %%  roofline %9.3f ms, reached %3.0f %%\n",
                 r.operation.c_str(), static_cast<long long>(r.calls), r.seconds * 1e3,
                 100 * r.share, r.attainable * 1e3, 100 * r.attainable / r.seconds);
  }
  text += "\naims, " + precision + " (an H100 and the full-size model):\n";
  for (const Aim& aim : aims) {
    text += line("  %-40s %8.2f %-2s %s %6.2f %-2s  %s\n", aim.name.c_str(), aim.reached,
                 aim.unit.c_str(), aim.at_least ? ">=" : "<=", aim.aim, aim.unit.c_str(),
                 aim.met() ? "met" : "MISSED");
  }
  for (const std::string& problem : problems)
    text += "  NOT MEASURED to the end: " + problem + "\n";
  return text;
}

nlohmann::json GpuBenchResult::json() const {
  nlohmann::json result = {{"device", device},
                           {"precision", precision},
                           {"codec_precision", codec_precision},
                           {"matmul_tflops", matmul_flops / 1e12},
                           {"copy_gb_per_second", copy_bytes / 1e9},
                           {"load_seconds", load_seconds},
                           {"weights_bytes", weights_bytes},
                           {"most_bytes", most_bytes},
                           {"throughput_gain", throughput_gain},
                           {"first_audio_length_seconds", first_audio_length},
                           {"problems", problems},
                           {"stages", nlohmann::json::array()},
                           {"roofline", nlohmann::json::array()},
                           {"aims", nlohmann::json::array()}};
  for (const Measurement& m : measurements) {
    result["stages"].push_back({{"name", m.name},
                                {"median_seconds", m.seconds},
                                {"fastest_seconds", m.fastest},
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
  for (const Aim& aim : aims) {
    result["aims"].push_back({{"name", aim.name},
                              {"unit", aim.unit},
                              {"reached", aim.reached},
                              {"aim", aim.aim},
                              {"at_least", aim.at_least},
                              {"met", aim.met()}});
  }
  return result;
}

}  // namespace echo::bench
