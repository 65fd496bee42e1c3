#include "apps/option_table.h"

#include <cstdio>
#include <memory>

#include "apps/command.h"
#include "apps/variables.h"
#include "base/error.h"

namespace echo::apps {
namespace {

constexpr int64_t kMaxMegabytes = int64_t{1} << 24;
constexpr int64_t kNoMaximum = 0;  // of a text

constexpr OptionRow kOptions[] = {
    {"-m,--model", "ECHO_MODEL_DIR", "the hub's cache", kAnyText, kNoMaximum,
     "Use the checkpoints in this directory, a file of `echo-tts pack`, or `small`, the small "
     "voice "
     "that comes with the program"},
    {"--device", "ECHO_DEVICE", "auto", kAnyText, kNoMaximum,
     "Compute on this device: auto (a GPU, or else the CPU), cpu, cuda, cuda:N"},
    {"--threads", "", "as many as the process may use", 0, 1024,
     "Use so many threads of the CPU; 0: as many as affinity, control group and OMP_NUM_THREADS "
     "allow"},
    {"--gpu-memory", "ECHO_GPU_MEMORY_MB", "all", 0, kMaxMegabytes,
     "Use at most so many MB of a GPU's memory; 0: all"},
    {"--batch-width", "ECHO_BATCH_WIDTH", "as many as gain from it", 0, 64,
     "Advance so many texts together on a GPU; 0: as many as gain from it"},
    {"--cuda-module", "ECHO_CUDA_MODULE", "the one beside the program", kAnyText, kNoMaximum,
     "Open this CUDA module"},
    {"--precision", "ECHO_PRECISION", "auto", kAnyText, kNoMaximum,
     "Multiply the transformer's matrices in this type; auto: as the checkpoint is stored, if it "
     "fits; fp8 on a GPU only"},
    {"--unquantized-blocks,--wide-blocks", "", "4", 0, 1000,
     "Keep so many of the transformer's last blocks in bf16 with int8 and fp8"},
    {"--codec-precision", "ECHO_CODEC_PRECISION", "auto", kAnyText, kNoMaximum,
     "Multiply the codec's matrices in this type: auto, float32 or bf16"},
    {"--noise", "", "cuda", kAnyText, kNoMaximum,
     "Draw the random numbers of a seed as PyTorch does on a GPU (cuda) or on a CPU (cpu)"},
    {"--voice-cache", "ECHO_VOICE_CACHE", "none", kAnyText, kNoMaximum,
     "Keep encoded voices in this directory"},
    {"--memory", "ECHO_MEMORY_MB", "all", 0, kMaxMegabytes,
     "Plan with at most so many MB of the device's memory; 0: all"},
    {"--voice-cache-mb", "ECHO_VOICE_CACHE_MB", "as memory allows", 0, kMaxMegabytes,
     "Keep at most so many MB of encoded voices in memory"},
    {"--schedule-cache-mb", "ECHO_SCHEDULE_CACHE_MB", "as memory allows", 0, kMaxMegabytes,
     "Keep at most so many MB of what depends on the sampler's schedule alone"},
    {"--mode", "ECHO_WORKER_MODE", "auto", kAnyText, kNoMaximum,
     "Work as queue, load-balancer, api or local, instead of what the environment looks like"},
    {"--profile", "ECHO_PROFILE", "natural", kAnyText, kNoMaximum,
     "Speak what does not ask for another profile as natural or published: see docs/quality.md"},
    {"--continuity", "ECHO_CONTINUITY", "none", kAnyText, kNoMaximum,
     "Let chunks go on from those before them, unless a request says: none, paragraph or text"},
    {"--max-rerolls", "ECHO_MAX_REROLLS", "2", 0, 5,
     "Make a faulty take again so many times, unless a request says; 0 with the profile published"},
    {"--metrics-port", "ECHO_METRICS_PORT", "none", 0, 65535,
     "Serve /metrics, /ping and /health of a queue worker on this port; 0: on none"},
    {"--metrics-host", "ECHO_METRICS_HOST", "127.0.0.1", kAnyText, kNoMaximum,
     "Listen at this address with --metrics-port"},
};

std::string limits(const OptionRow& row) {
  if (row.minimum == kAnyText) return "";
  return std::to_string(row.minimum) + " to " + std::to_string(row.maximum);
}

}  // namespace

std::span<const OptionRow> option_table() { return kOptions; }

const OptionRow& option_row(std::string_view flag) {
  for (const OptionRow& row : kOptions) {
    if (row.flag == flag) return row;
  }
  throw_internal("there is no option " + std::string(flag) + " in the table");
}

std::string option_help(const OptionRow& row) {
  std::string text(row.help);
  if (!row.variable.empty()) text += " (or " + std::string(row.variable) + ")";
  return text;
}

std::string option_markdown() {
  std::string text =
      "| flag | variable | default | limits | meaning |\n| --- | --- | --- | --- | --- |\n";
  const auto code = [](std::string_view word) {
    return word.empty() ? std::string() : "`" + std::string(word) + "`";
  };
  for (const OptionRow& row : kOptions) {
    std::string flag(row.flag);
    if (const size_t comma = flag.find(','); comma != flag.npos) flag.replace(comma, 1, "`, `");
    text += "| " + code(flag) + " | " + code(row.variable) + " | " + std::string(row.fallback) +
            " | " + limits(row) + " | " + std::string(row.help) + " |\n";
  }
  return text;
}

int64_t option_number(std::string_view flag, const std::optional<int64_t>& given,
                      const Environment& environment, int64_t otherwise) {
  if (given) return *given;
  const OptionRow& row = option_row(flag);
  return environment.integer(std::string(row.variable), otherwise, row.minimum, row.maximum);
}

void add_options(CommandLine& line) {
  auto variables = std::make_shared<bool>(false);
  Command command =
      line.add("options", "List the options with their variables, defaults and limits, in Markdown",
               "", [variables] {
                 if (!*variables) {
                   std::fputs(option_markdown().c_str(), stdout);
                   return kSuccess;
                 }
                 for (const std::string_view name : variable_names()) {
                   std::printf("%s\n", std::string(name).c_str());
                 }
                 return kSuccess;
               });
  command.flag("--variables", *variables, "List the names of all variables instead");
}

}  // namespace echo::apps
