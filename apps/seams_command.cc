#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "apps/command.h"
#include "audio/decode.h"
#include "audio/seams.h"
#include "base/error.h"

namespace echo::apps {
namespace {

using Json = nlohmann::ordered_json;

struct SeamsOptions {
  std::string file, metadata;
  bool json = false;
};

// Where the chunks of a result meet: of `say --json`, a job's output, or its metadata alone.
std::vector<SeamPlace> places_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw_not_found("metadata " + path + ": cannot be opened");
  Json document = Json::parse(in, nullptr, /*allow_exceptions=*/false);
  for (const char* inside : {"output", "metadata"}) {
    if (document.is_object() && document.contains(inside)) document = Json(document[inside]);
  }
  const std::string expected =
      ", expected an object with \"chunks\" that have start_seconds and "
      "end_seconds";
  if (!document.is_object() || !document.contains("chunks") || !document["chunks"].is_array()) {
    throw_invalid("metadata " + path + ": found none" + expected);
  }
  std::vector<SeamPlace> places;
  const Json& chunks = document["chunks"];
  const auto seconds = [&](size_t i, const char* name) {
    const auto found = chunks[i].is_object() ? chunks[i].find(name) : chunks[i].end();
    if (!chunks[i].is_object() || found == chunks[i].end() || !found->is_number()) {
      throw_invalid("metadata " + path + ": chunk " + std::to_string(i + 1) + " has no " + name +
                    expected);
    }
    return found->get<double>();
  };
  for (size_t i = 0; i + 1 < chunks.size(); ++i) {
    places.push_back({seconds(i, "end_seconds"), seconds(i + 1, "start_seconds")});
  }
  return places;
}

// The speaker's own pauses, which are no joints.
std::vector<SeamPlace> others(const std::vector<SeamPlace>& pauses,
                              const std::vector<SeamPlace>& joints) {
  std::vector<SeamPlace> result;
  for (const SeamPlace& pause : pauses) {
    const bool joint = std::any_of(joints.begin(), joints.end(), [&](const SeamPlace& place) {
      return pause.end < place.begin + 0.05 && place.end < pause.begin + 0.05;
    });
    if (!joint) result.push_back(pause);
  }
  return result;
}

std::optional<double> middle(std::vector<double> values) {
  if (values.empty()) return {};
  std::nth_element(values.begin(), values.begin() + static_cast<ptrdiff_t>(values.size() / 2),
                   values.end());
  return values[values.size() / 2];
}

Json json_of(const std::optional<double>& value) {
  return value ? Json(std::round(*value * 1000) / 1000) : Json(nullptr);
}

Json json_of(const Seam& seam) {
  return {{"at", json_of(seam.place.end)},          {"pause", json_of(seam.pause_seconds)},
          {"pitch", json_of(seam.pitch_semitones)}, {"level", json_of(seam.level_db)},
          {"floor", json_of(seam.floor_db)},        {"click", json_of(seam.click)},
          {"timbre", json_of(seam.timbre)}};
}

// The medians of what can be told.
Json medians_of(const std::vector<Seam>& seams) {
  std::vector<double> pause, pitch, level, floor, click, timbre;
  for (const Seam& seam : seams) {
    pause.push_back(seam.pause_seconds);
    click.push_back(seam.click);
    if (seam.pitch_semitones) pitch.push_back(*seam.pitch_semitones);
    if (seam.level_db) level.push_back(*seam.level_db);
    if (seam.floor_db) floor.push_back(*seam.floor_db);
    if (seam.timbre) timbre.push_back(*seam.timbre);
  }
  return {{"count", seams.size()},
          {"pause", json_of(middle(pause))},
          {"pitch", json_of(middle(pitch))},
          {"level", json_of(middle(level))},
          {"floor", json_of(middle(floor))},
          {"click", json_of(middle(click))},
          {"timbre", json_of(middle(timbre))}};
}

std::string cell(const Json& value) {
  if (value.is_null()) return "-";
  char text[32];
  std::snprintf(text, sizeof text, "%.2f", value.get<double>());
  return text;
}

void print_row(const std::string& name, const Json& row) {
  std::printf("%-18s %8s %8s %8s %8s %8s %8s\n", name.c_str(), cell(row["pause"]).c_str(),
              cell(row["pitch"]).c_str(), cell(row["level"]).c_str(), cell(row["floor"]).c_str(),
              cell(row["click"]).c_str(), cell(row["timbre"]).c_str());
}

int seams(const SeamsOptions& options) {
  const DecodedAudio audio = decode_audio_file(options.file);
  const std::vector<SeamPlace> pauses = find_pauses(audio.samples, audio.sample_rate);
  // Of somebody else's file nobody knows the joints: every pause may be one.
  const bool known = !options.metadata.empty();
  const std::vector<SeamPlace> places = known ? places_of(options.metadata) : pauses;
  const std::vector<Seam> joints = measure_seams(audio.samples, audio.sample_rate, places);
  const std::vector<Seam> own =
      known ? measure_seams(audio.samples, audio.sample_rate, others(pauses, places))
            : std::vector<Seam>();
  Json document = {{"file", options.file}, {"joints", Json::array()}};
  for (const Seam& seam : joints) document["joints"].push_back(json_of(seam));
  document["median"] = medians_of(joints);
  if (known) document["own_pauses"] = medians_of(own);
  document["drift"] = json_of(measure_drift(audio.samples, audio.sample_rate));
  if (options.json) {
    std::cout << document.dump(2) << "\n";
    return kSuccess;
  }
  std::printf("%-18s %8s %8s %8s %8s %8s %8s\n", known ? "joint at" : "pause at", "pause s",
              "pitch st", "level dB", "floor dB", "click", "timbre");
  for (const Json& row : document["joints"]) print_row(cell(row["at"]) + " s", row);
  print_row("median of " + std::to_string(joints.size()), document["median"]);
  if (known) print_row("own pauses, " + std::to_string(own.size()), document["own_pauses"]);
  if (!document["drift"].is_null()) {
    std::printf("drift from the first to the last minute: %s dB\n",
                cell(document["drift"]).c_str());
  }
  return kSuccess;
}

}  // namespace

void add_seams(CommandLine& line) {
  auto options = std::make_shared<SeamsOptions>();
  Command command = line.add("seams", "Measure how smoothly a recording's chunks meet",
                             "  echo-tts say --file story.txt -o story.wav --json > story.json\n"
                             "  echo-tts seams story.wav story.json\n",
                             [options] { return seams(*options); });
  command.option("file", options->file, "Recording to listen to").required();
  command.option("metadata", options->metadata,
                 "Read where the chunks meet from what say --json or a job told; without it, measure every "
                 "pause");
  command.flag("--json", options->json, "Print the figures as JSON");
}

}  // namespace echo::apps
