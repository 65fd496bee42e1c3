// How fast the text front end reads, in bytes a second.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <optional>
#include <string>

#include "base/error.h"
#include "text/planned_text.h"

namespace echo {
namespace {

constexpr size_t kBytes = size_t{1} << 18;

std::string repeated(const std::string& unit) {
  std::string text;
  while (text.size() < kBytes) text += unit;
  return text;
}

// Pauses of more than a minute in all are refused.
bool has_pauses(const std::string& text) {
  return text.find("[pause") != text.npos || text.find("<break") != text.npos;
}

// One character in ten is a digit.
bool has_figures(const std::string& text) {
  const auto digits =
      std::count_if(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  return static_cast<size_t>(digits) * 10 >= text.size();
}

// The texts of a table of the tests that are wanted, without their readings.
std::string texts_of(const char* name, const std::function<bool(const std::string&)>& wanted) {
  std::ifstream file(std::string(ECHO_SOURCE_DIR "/tests/text/golden/") + name);
  std::string text;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::string one = line.substr(0, line.find('\t'));
    for (size_t at = 0; (at = one.find("\\n", at)) != one.npos;) one.replace(at, 2, "\n");
    if (!has_pauses(one) && wanted(one)) text += one + "\n\n";
  }
  return text.empty() ? text : repeated(text);
}

// What is timed must be right first.
bool reads_right() {
  return plan_text("Dr. Lee paid $3.50 at 10:30.").spoken ==
         "Doctor Lee paid three dollars and fifty cents at ten thirty.";
}

// Why a text is refused; nothing when it is planned.
std::optional<std::string> refusal_of(const std::string& text) {
  try {
    benchmark::DoNotOptimize(plan_text(text));
    return std::nullopt;
  } catch (const Error& error) {
    return error.what();
  }
}

// `words`: whether the text has any. One of nothing but signs has nothing to speak, and finding out
// is what is timed.
void run(benchmark::State& state, const std::string& text, bool words) {
  if (text.empty()) return state.SkipWithError("there is no such text");
  if (!reads_right()) return state.SkipWithError("the front end reads wrongly");
  for (auto step : state) {
    const auto refusal = refusal_of(text);
    if (refusal.has_value() != words) continue;
    return state.SkipWithError((words ? "refused: " + *refusal : "not refused").c_str());
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * text.size()));
}

}  // namespace
}  // namespace echo

int main(int argc, char** argv) {
  using echo::repeated;
  const auto add = [](const char* name, const std::string& text, bool words = true) {
    benchmark::RegisterBenchmark(name, [text, words](benchmark::State& state) {
      echo::run(state, text, words);
    })->Unit(benchmark::kMillisecond);
  };
  const auto any = [](const std::string&) { return true; };
  add("plain sentences", echo::texts_of("plain_sentences.txt", any));
  add("everyday texts", echo::texts_of("everyday.txt", any));
  add("texts with figures", echo::texts_of("everyday.txt", echo::has_figures));
  add("one letter", repeated("a"));
  add("open brackets", repeated("("), false);
  add("open brackets and a word", repeated("(") + "word");
  add("stars", repeated("*"), false);
  add("stars and a word", repeated("*") + "word");
  add("numbers", repeated("12 "));
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
