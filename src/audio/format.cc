#include "audio/format.h"

#include <algorithm>
#include <cctype>
#include <vector>

#include "base/ascii.h"
#include "base/error.h"

namespace echo {
namespace {

constexpr int kDefaultBitrate = 128000;

struct FormatFacts {
  std::string_view name;
  std::string_view mime;
  int default_rate;
  std::vector<int> rates;  // all that are possible; empty: any from kLowestRate to kHighestRate
  bool has_bitrate;
};

constexpr int kLowestRate = 8000;
constexpr int kHighestRate = 192000;

const FormatFacts& facts_of(AudioFormat format) {
  static const FormatFacts kOgg{
      "ogg", "audio/ogg; codecs=opus", 48000, {8000, 12000, 16000, 24000, 48000}, true};
  static const FormatFacts kWav{"wav", "audio/wav", 44100, {}, false};
  static const FormatFacts kFlac{"flac", "audio/flac", 44100, {}, false};
  static const FormatFacts kMp3{"mp3",
                                "audio/mpeg",
                                44100,
                                {8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000},
                                true};
  static const FormatFacts kAac{"aac",
                                "audio/aac",
                                44100,
                                {8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000},
                                true};
  static const FormatFacts kPcm{"pcm", "audio/pcm", 44100, {}, false};
  switch (format) {
    case AudioFormat::kOggOpus:
      return kOgg;
    case AudioFormat::kWav:
      return kWav;
    case AudioFormat::kFlac:
      return kFlac;
    case AudioFormat::kMp3:
      return kMp3;
    case AudioFormat::kAac:
      return kAac;
    case AudioFormat::kPcm:
      return kPcm;
  }
  throw_internal("audio format: no such value");
}

void check_rate(const FormatFacts& facts, int rate) {
  const std::string found = "sample_rate: found " + std::to_string(rate) + ", expected ";
  const std::string suffix = " Hz for " + std::string(facts.name);
  if (facts.rates.empty()) {
    if (rate >= kLowestRate && rate <= kHighestRate) return;
    throw_invalid(found + std::to_string(kLowestRate) + " to " + std::to_string(kHighestRate) +
                  suffix);
  }
  if (std::find(facts.rates.begin(), facts.rates.end(), rate) != facts.rates.end()) return;
  std::string list;
  for (const int known : facts.rates) list += (list.empty() ? "" : ", ") + std::to_string(known);
  throw_invalid(found + "one of " + list + suffix);
}

void check_bitrate(const EncodeOptions& options, const FormatFacts& facts) {
  int lowest = 6000;  // of Opus, for one channel
  int highest = 256000;
  if (options.format == AudioFormat::kMp3) {  // the tables of MPEG-1 and of MPEG-2 and 2.5
    const bool mpeg1 = options.sample_rate >= 32000;
    lowest = mpeg1 ? 32000 : 8000;
    highest = mpeg1 ? 320000 : options.sample_rate >= 16000 ? 160000 : 64000;
  }
  if (options.format == AudioFormat::kAac) {  // a frame of 1,024 samples holds at most 6,144 bits
    lowest = 8000;
    highest = options.sample_rate * 6;
  }
  if (options.bitrate >= lowest && options.bitrate <= highest) return;
  throw_invalid("bitrate: found " + std::to_string(options.bitrate) + ", expected " +
                std::to_string(lowest) + " to " + std::to_string(highest) + " bits a second for " +
                std::string(facts.name) + " at " + std::to_string(options.sample_rate) + " Hz");
}

}  // namespace

AudioFormat parse_audio_format(std::string_view name) {
  const std::string lowered = lower(name);
  if (lowered == "opus") return AudioFormat::kOggOpus;
  for (const AudioFormat format : {AudioFormat::kOggOpus, AudioFormat::kWav, AudioFormat::kFlac,
                                   AudioFormat::kMp3, AudioFormat::kAac, AudioFormat::kPcm}) {
    if (lowered == format_name(format)) return format;
  }
  throw_invalid("audio format: found \"" + std::string(name.substr(0, 32)) +
                "\", expected ogg, opus, wav, flac, mp3, aac or pcm");
}

std::string_view format_name(AudioFormat format) { return facts_of(format).name; }

std::string_view mime_type(AudioFormat format) { return facts_of(format).mime; }

EncodeOptions validate(const EncodeOptions& options) {
  const FormatFacts& facts = facts_of(options.format);
  EncodeOptions checked = options;
  if (checked.sample_rate == 0) checked.sample_rate = facts.default_rate;
  check_rate(facts, checked.sample_rate);
  if (facts.has_bitrate) {
    if (checked.bitrate == 0) {
      checked.bitrate = kDefaultBitrate;
      if (checked.format == AudioFormat::kMp3 && checked.sample_rate < 16000) {
        checked.bitrate = 64000;
      }
      if (checked.format == AudioFormat::kAac) {
        checked.bitrate = std::min(kDefaultBitrate, checked.sample_rate * 4);
      }
    }
    check_bitrate(checked, facts);
  } else if (checked.bitrate != 0) {
    throw_invalid("bitrate: found " + std::to_string(checked.bitrate) + ", but " +
                  std::string(facts.name) + " has none to choose");
  }
  return checked;
}

}  // namespace echo
