// How fast the text front end reads, in bytes a second.
#include <benchmark/benchmark.h>

#include <cstdio>
#include <fstream>
#include <string>

#include "base/error.h"
#include "text/planned_text.h"
#include "text/sentences.h"

namespace echo {
namespace {

constexpr size_t kBytes = size_t{1} << 18;

std::string repeated(const std::string& unit) {
  std::string text;
  while (text.size() < kBytes) text += unit;
  return text;
}

// The texts of a table of the tests, without their readings.
std::string texts_of(const char* name) {
  std::ifstream file(std::string(ECHO_SOURCE_DIR "/tests/text/golden/") + name);
  std::string text;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    text += line.substr(0, line.find('\t')) + "\n\n";
  }
  return repeated(text);
}

// What is timed must be right first.
bool reads_right() {
  return plan_text("Dr. Lee paid $3.50 at 10:30.").spoken ==
         "Doctor Lee paid three dollars and fifty cents at ten thirty.";
}

void run(benchmark::State& state, const std::string& text) {
  if (!reads_right()) return state.SkipWithError("the front end reads wrongly");
  for (auto step : state) {
    try {
      benchmark::DoNotOptimize(plan_text(text));
    } catch (const Error&) {
      // A text of nothing but signs has nothing to speak; finding out is what is timed.
    }
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * text.size()));
}

}  // namespace
}  // namespace echo

int main(int argc, char** argv) {
  using echo::repeated;
  const auto add = [](const char* name, const std::string& text) {
    benchmark::RegisterBenchmark(name, [text](benchmark::State& state) {
      echo::run(state, text);
    })->Unit(benchmark::kMillisecond);
  };
  add("plain sentences", echo::texts_of("plain_sentences.txt"));
  add("everyday texts", echo::texts_of("everyday.txt"));
  add("one letter", repeated("a"));
  add("open brackets", repeated("("));
  add("open brackets and a word", repeated("(") + "word");
  add("stars", repeated("*"));
  add("stars and a word", repeated("*") + "word");
  add("numbers", repeated("12 "));
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
