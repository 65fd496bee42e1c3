#include "speech/subtitles.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <vector>

#include "base/error.h"
#include "base/utf8.h"

namespace echo {
namespace {

constexpr size_t kLineChars = 42;
constexpr size_t kCueLines = 2;

// Lines of at most kLineChars code points, broken at spaces; a longer word is broken hard.
std::vector<std::u32string> lines_of(std::u32string_view text) {
  std::vector<std::u32string> lines;
  while (!text.empty()) {
    size_t end = std::min(kLineChars, text.size());
    if (end < text.size()) {
      const size_t space = text.substr(0, end + 1).rfind(U' ');
      if (space != std::u32string_view::npos && space > 0) end = space;
    }
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(end);
    while (!text.empty() && text.front() == U' ') text.remove_prefix(1);
  }
  return lines;
}

std::string time_text(double seconds, SubtitleFormat format) {
  const auto milliseconds = std::llround(std::max(0.0, seconds) * 1000);
  char text[40];
  std::snprintf(text, sizeof text, "%02lld:%02lld:%02lld%c%03lld", milliseconds / 3'600'000,
                milliseconds / 60'000 % 60, milliseconds / 1000 % 60,
                format == SubtitleFormat::kSrt ? ',' : '.', milliseconds % 1000);
  return text;
}

// WebVTT reads some characters as markup; SubRip shows everything, but ends a cue at a blank line.
std::string escaped(const std::string& text, SubtitleFormat format) {
  std::string result;
  for (const char c : text) {
    if (c == '\n' || c == '\r') {
      result += ' ';
    } else if (format == SubtitleFormat::kVtt && c == '&') {
      result += "&amp;";
    } else if (format == SubtitleFormat::kVtt && c == '<') {
      result += "&lt;";
    } else if (format == SubtitleFormat::kVtt && c == '>') {
      result += "&gt;";
    } else {
      result += c;
    }
  }
  return result;
}

class Writer {
 public:
  explicit Writer(SubtitleFormat format) : format_(format) {
    if (format == SubtitleFormat::kVtt) file_ = "WEBVTT\n\n";
  }

  void add(const SpokenChunk& chunk) {
    const std::vector<std::u32string> lines = lines_of(decode_utf8(chunk.text));
    size_t all = 0, before = 0;
    for (const std::u32string& line : lines) all += line.size();
    const double length = chunk.end_seconds - chunk.start_seconds;
    const auto at = [&](size_t chars) {
      return chunk.start_seconds + length * static_cast<double>(chars) / static_cast<double>(all);
    };
    for (size_t first = 0; first < lines.size(); first += kCueLines) {
      std::string text;
      size_t chars = 0;
      for (size_t i = first; i < std::min(first + kCueLines, lines.size()); ++i) {
        text += escaped(encode_utf8(lines[i]), format_) + "\n";
        chars += lines[i].size();
      }
      add_cue(at(before), at(before + chars), text);
      before += chars;
    }
  }

  std::string take() { return std::move(file_); }

 private:
  void add_cue(double begin, double end, const std::string& text) {
    file_ += std::to_string(++cues_) + "\n" + time_text(begin, format_) + " --> " +
             time_text(end, format_) + "\n" + text + "\n";
  }

  const SubtitleFormat format_;
  int cues_ = 0;
  std::string file_;
};

}  // namespace

SubtitleFormat parse_subtitle_format(std::string_view name, std::string_view field) {
  if (name == "srt") return SubtitleFormat::kSrt;
  if (name == "vtt") return SubtitleFormat::kVtt;
  throw_invalid(std::string(field) + ": found " + std::string(name.substr(0, 40)) +
                ", expected srt or vtt");
}

std::string subtitles_of(std::span<const SpokenChunk> chunks, SubtitleFormat format) {
  Writer writer(format);
  for (const SpokenChunk& chunk : chunks) writer.add(chunk);
  return writer.take();
}

}  // namespace echo
