#include "speech/text_preview.h"

#include <cstdio>

#include "base/utf8.h"

namespace echo {
namespace {

double total_seconds(const PlannedText& plan) {
  double seconds = plan.leading_pause_seconds;
  for (const PlannedChunk& chunk : plan.chunks) {
    seconds += chunk.estimated_seconds + chunk.pause_seconds + chunk.join_seconds;
  }
  return seconds;
}

std::string seconds_text(double seconds) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g s", seconds);
  return text;
}

std::string count_text(size_t count, const std::string& what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

// A text on one line of a terminal.
std::string on_one_line(const std::string& text) {
  std::string line;
  for (const char c : text) {
    if (c == '\n') {
      line += "\\n";
    } else if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7F) {
      line += c;
    }
  }
  return line;
}

}  // namespace

Json preview_json(const PlannedText& plan) {
  Json chunks = Json::array();
  for (const PlannedChunk& chunk : plan.chunks) {
    chunks.push_back({{"text", chunk.text},
                      {"model_text", chunk.model_text},
                      {"speaker", chunk.speaker},
                      {"characters", count_code_points(chunk.text)},
                      {"bytes", chunk.model_text.size()},
                      {"estimated_seconds", chunk.estimated_seconds},
                      {"end", chunk_end_name(chunk.end)},
                      {"join_seconds", chunk.join_seconds},
                      {"pause_seconds", chunk.pause_seconds},
                      {"source", {chunk.source_begin, chunk.source_end}}});
  }
  Json changes = Json::array();
  for (const TextChange& change : plan.changes) {
    changes.push_back({{"from", change.from},
                       {"to", change.to},
                       {"rule", change.rule},
                       {"begin", change.source_begin},
                       {"end", change.source_end}});
  }
  return {{"text", plan.spoken},
          {"estimated_seconds", total_seconds(plan)},
          {"leading_pause_seconds", plan.leading_pause_seconds},
          {"chunks", std::move(chunks)},
          {"changes", std::move(changes)},
          {"warnings", plan.warnings}};
}

std::string preview_text(const PlannedText& plan) {
  std::string text = count_text(plan.chunks.size(), "chunk") + ", about " +
                     seconds_text(total_seconds(plan)) + " of speech\n";
  if (plan.leading_pause_seconds > 0) {
    text += "   (a pause of " + seconds_text(plan.leading_pause_seconds) + ")\n";
  }
  for (size_t i = 0; i < plan.chunks.size(); ++i) {
    const PlannedChunk& chunk = plan.chunks[i];
    text += std::to_string(i + 1) + ". " + on_one_line(chunk.model_text) + "\n   (" +
            count_text(count_code_points(chunk.text), "character") + ", about " +
            seconds_text(chunk.estimated_seconds);
    if (chunk.end != ChunkEnd::kText) {
      text += "; here ends a " + std::string(chunk_end_name(chunk.end));
    }
    if (chunk.join_seconds > 0) text += ", pause of " + seconds_text(chunk.join_seconds);
    if (chunk.pause_seconds > 0) text += "; a pause of " + seconds_text(chunk.pause_seconds);
    text += ")\n";
  }
  text += count_text(plan.changes.size(), "change") + "\n";
  for (const TextChange& change : plan.changes) {
    text += "   " + change.rule + ": \"" + on_one_line(change.from) + "\" -> \"" +
            on_one_line(change.to) + "\"\n";
  }
  for (const std::string& warning : plan.warnings) text += "warning: " + warning + "\n";
  return text;
}

}  // namespace echo
