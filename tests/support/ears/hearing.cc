#include "support/ears/hearing.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <limits>
#include <sstream>
#include <stdexcept>

#include "audio/resample.h"
#include "audio/voice_features.h"
#include "support/subprocess.h"
#include "support/temp_dir.h"

namespace echo {
namespace {

constexpr int kRate = 16000;  // what the recogniser's model was made for
const std::string kModel = "/usr/share/pocketsphinx/model/en-us/";

float peak_of(const std::vector<float>& samples) {
  float peak = 0;
  for (const float x : samples) peak = std::max(peak, std::abs(x));
  return peak;
}

// As 16-bit numbers of one loudness, with a moment of silence at both ends.
void write_raw(const std::filesystem::path& path, const DecodedAudio& sound) {
  std::vector<float> samples = resample(sound.samples, sound.sample_rate, kRate);
  const float gain = 0.7F / std::max(peak_of(samples), 1e-3F);
  std::vector<int16_t> numbers(kRate / 4);
  for (const float x : samples) numbers.push_back(static_cast<int16_t>(x * gain * 32767));
  numbers.resize(numbers.size() + kRate / 3);
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(numbers.data()),
             static_cast<std::streamsize>(numbers.size() * sizeof(int16_t)));
}

// Of "the words(2) of it (17 -4711)" the number, and the words without the marks of their
// pronunciations.
std::pair<size_t, std::string> parse_hypothesis(const std::string& line) {
  const size_t end = line.rfind(" (");
  if (end == line.npos) throw std::runtime_error("recogniser: cannot read \"" + line + "\"");
  std::istringstream words(line.substr(0, end));
  std::string text;
  for (std::string word; words >> word;) {
    text += (text.empty() ? "" : " ") + word.substr(0, word.find('('));
  }
  return {std::stoul(line.substr(end + 2)), text};
}

size_t edits(const std::vector<std::string>& from, const std::vector<std::string>& to) {
  std::vector<size_t> row(to.size() + 1);
  for (size_t j = 0; j < row.size(); ++j) row[j] = j;
  for (size_t i = 0; i < from.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i + 1;
    for (size_t j = 0; j < to.size(); ++j) {
      const size_t kept = diagonal + (from[i] == to[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({kept, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

}  // namespace

std::vector<std::string> heard(std::span<const DecodedAudio> sounds) {
  const TempDir folder;
  std::ofstream list(folder / "list");
  for (size_t i = 0; i < sounds.size(); ++i) {
    write_raw(folder / (std::to_string(i) + ".raw"), sounds[i]);
    list << i << "\n";
  }
  list.close();
  std::vector<std::string> command = {"/usr/bin/env", "pocketsphinx_batch", "-adcin", "yes"};
  command.insert(command.end(), {"-adchdr", "0", "-cepext", ".raw", "-logfn", "/dev/null"});
  const std::map<std::string, std::string> files = {
      {"-cepdir", folder.path()},       {"-ctl", folder / "list"},
      {"-hyp", folder / "words"},       {"-hmm", kModel + "en-us"},
      {"-lm", kModel + "en-us.lm.bin"}, {"-dict", kModel + "cmudict-en-us.dict"}};
  for (const auto& [name, file] : files) command.insert(command.end(), {name, file});
  const ProcessResult result = run_process(command);
  std::ifstream words(folder / "words");
  if (result.exit_code != 0 || !words) {
    throw std::runtime_error("pocketsphinx_batch: exit code " + std::to_string(result.exit_code) +
                             "; scripts/setup installs it and its model in " + kModel);
  }
  std::vector<std::string> all(sounds.size());
  for (std::string line; std::getline(words, line);) {
    auto [number, text] = parse_hypothesis(line);
    all.at(number) = std::move(text);
  }
  return all;
}

std::string heard(const DecodedAudio& sound) { return heard(std::span(&sound, 1)).front(); }

std::vector<std::string> words_of(const std::string& text) {
  std::string plain;
  for (const char c : text) {
    const auto letter = static_cast<unsigned char>(c);
    plain += std::isalpha(letter) || c == '\'' ? static_cast<char>(std::tolower(letter)) : ' ';
  }
  std::istringstream in(plain);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

double word_error_rate(std::span<const std::string> said, std::span<const std::string> heard) {
  size_t wrong = 0, all = 0;
  for (size_t i = 0; i < said.size(); ++i) {
    const std::vector<std::string> words = words_of(said[i]);
    wrong += edits(words, words_of(heard[i]));
    all += words.size();
  }
  return static_cast<double>(wrong) / static_cast<double>(all);
}

double word_error_rate(const std::string& said, const std::string& heard) {
  return word_error_rate(std::span(&said, 1), std::span(&heard, 1));
}

double pitch_of(const DecodedAudio& sound) {
  constexpr int kLow = 4000;  // a voice's pitch needs no more, and takes a sixteenth of the time
  constexpr size_t kWindow = kLow / 20, kHop = kLow / 50;
  constexpr size_t kShortest = kLow / 300, kLongest = kLow / 60;
  const std::vector<float> samples = resample(sound.samples, sound.sample_rate, kLow);
  const double loud = 0.1 * peak_of(samples);
  std::vector<double> pitches;
  for (size_t at = 0; at + kWindow + kLongest < samples.size(); at += kHop) {
    // The correlation of the window with what follows it a period later.
    const auto correlation = [&](size_t lag) {
      double product = 0, here = 0, there = 0;
      for (size_t i = at; i < at + kWindow; ++i) {
        product += static_cast<double>(samples[i]) * samples[i + lag];
        here += static_cast<double>(samples[i]) * samples[i];
        there += static_cast<double>(samples[i + lag]) * samples[i + lag];
      }
      if (here < loud * loud * kWindow) return 0.0;
      return product / std::sqrt(here * there);
    };
    std::vector<double> values;
    for (size_t lag = kShortest; lag <= kLongest; ++lag) values.push_back(correlation(lag));
    const double best = *std::max_element(values.begin(), values.end());
    if (best < 0.5) continue;  // of noise it is below 0.3
    // Of a period and its multiples, which are nearly as good, the first peak.
    for (size_t i = 1; i + 1 < values.size(); ++i) {
      if (values[i] < 0.9 * best || values[i] < values[i - 1] || values[i] < values[i + 1])
        continue;
      const double bend = values[i - 1] - 2 * values[i] + values[i + 1];
      const double shift = bend < 0 ? 0.5 * (values[i - 1] - values[i + 1]) / bend : 0;
      pitches.push_back(kLow / (static_cast<double>(kShortest + i) + shift));
      break;
    }
  }
  if (pitches.empty()) return 0;
  const auto middle = pitches.begin() + static_cast<ptrdiff_t>(pitches.size() / 2);
  std::nth_element(pitches.begin(), middle, pitches.end());
  return *middle;
}

std::string nearest_voice(const DecodedAudio& sound,
                          const std::map<std::string, DecodedAudio>& known) {
  // How far the same voice is from itself in other sentences, about.
  constexpr double kSemitones = 1, kTimbre = 5;
  const double pitch = pitch_of(sound);
  const Timbre timbre = mean_timbre(sound.samples, sound.sample_rate).value();
  std::string nearest;
  double least = std::numeric_limits<double>::infinity();
  for (const auto& [name, other] : known) {
    const double higher = 12 * std::log2(pitch / pitch_of(other)) / kSemitones;
    const double unlike =
        distance(timbre, mean_timbre(other.samples, other.sample_rate).value()) / kTimbre;
    const double away = std::hypot(higher, unlike);
    if (away >= least) continue;
    least = away;
    nearest = name;
  }
  return nearest;
}

}  // namespace echo
