#include "speech/voice_uploads.h"

#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <optional>

#include "audio/encode.h"
#include "audio/voice.h"
#include "base/atomic_file.h"
#include "base/file_io.h"
#include "base/utf8.h"
#include "speech/public_text.h"
#include "speech/unicode_name.h"

namespace echo {
namespace {

namespace fs = std::filesystem;
using Reason = VoiceUploadError::Reason;

constexpr mode_t kOwnerOnly = 0600;
constexpr double kLongestStated = 3600;  // seconds
constexpr double kMinSound = 1;          // seconds
constexpr float kSilent = 1e-3F;         // -60 dB
constexpr size_t kLongestText = 4000;    // code points, more than 300 s of speech
constexpr size_t kMaxDurations = 10'000;
constexpr std::string_view kTextSuffix = ".txt";

ErrorCode code_of(Reason reason) {
  return reason == Reason::kUnknown ? ErrorCode::kNotFound : ErrorCode::kInvalidArgument;
}

std::string seconds_text(double seconds) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f s", seconds);
  return text;
}

// Seconds in which something is heard, in steps of 10 ms.
double sound_seconds(std::span<const float> samples, int rate) {
  const auto hop = static_cast<size_t>(std::max(1, rate / 100));
  size_t sounding = 0;
  for (size_t begin = 0; begin < samples.size(); begin += hop) {
    const auto part = samples.subspan(begin, std::min(hop, samples.size() - begin));
    const bool heard =
        std::any_of(part.begin(), part.end(), [](float x) { return std::abs(x) >= kSilent; });
    if (heard) sounding += part.size();
  }
  return static_cast<double>(sounding) / rate;
}

// The suffix under which a file is stored as it is; empty: it is stored as FLAC.
std::string_view suffix_of(const DecodedAudio& audio, std::string_view bytes) {
  if (audio.format.starts_with("WAV")) return ".wav";
  if (audio.format == "Ogg") return ".ogg";
  if (audio.format == "raw FLAC") return ".flac";
  if (audio.format.starts_with("MP2/3")) return ".mp3";
  // Of the family of MP4 only what says itself that it is sound alone.
  const bool m4a = bytes.size() >= 12 && bytes.substr(4, 4) == "ftyp" &&
                   (bytes.substr(8, 4) == "M4A " || bytes.substr(8, 4) == "M4B ");
  return m4a ? ".m4a" : "";
}

struct Recording {
  std::string suffix;
  std::string converted;  // to FLAC; empty: the file is stored as it came
  double seconds = 0;
  std::vector<std::string> warnings;
};

Recording examined(std::string_view bytes, const std::stop_token& stop) {
  try {
    DecodeOptions options;
    options.interrupted = [&stop] { return stop.stop_requested(); };
    DecodedAudio audio = decode_audio_bytes(bytes, "audio_sample", options);
    if (audio.stated_seconds > kLongestStated) {
      throw VoiceUploadError(Reason::kAudio, "audio_sample: it is more than an hour long");
    }
    const double sound = sound_seconds(audio.samples, audio.sample_rate);
    if (sound == 0) throw VoiceUploadError(Reason::kAudio, "audio_sample: it is silent");
    if (sound < kMinSound) {
      throw VoiceUploadError(Reason::kAudio, "audio_sample: found " + seconds_text(sound) +
                                                 " of sound, expected at least " +
                                                 seconds_text(kMinSound));
    }
    Recording recording;
    recording.suffix = suffix_of(audio, bytes);
    Voice voice = prepare_voice(std::move(audio));
    recording.seconds = static_cast<double>(voice.samples.size()) / kModelRate;
    recording.warnings = std::move(voice.warnings);
    if (recording.suffix.empty()) {
      recording.suffix = ".flac";
      recording.converted = encode_audio(voice.samples, {AudioFormat::kFlac, 0, 0});
    }
    return recording;
  } catch (const VoiceUploadError&) {
    throw;
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kCancelled || error.code() == ErrorCode::kUnavailable) throw;
    throw VoiceUploadError(Reason::kAudio, error.what());
  }
}

void store(const fs::path& path, std::string_view bytes) {
  AtomicFile file;
  int error = file.create(path, kOwnerOnly);
  if (error == 0) error = file.write(bytes);
  if (error == 0) error = file.commit(Durability::kDurable);
  if (error == 0) return;
  if (error == ENOSPC || error == EDQUOT) {
    throw VoiceUploadError(Reason::kFull, "The disk is full.");
  }
  throw_unavailable(std::string("voices: cannot be stored (") + std::strerror(error) + ")");
}

// The file of what is said in the recording beside it.
fs::path text_path(fs::path recording) { return recording.replace_extension(kTextSuffix); }

}  // namespace

VoiceUploadError::VoiceUploadError(Reason reason, const std::string& message)
    : Error(code_of(reason), message), reason_(reason) {}

VoiceUploads::VoiceUploads(const VoiceDirectory& directory, VoiceUploadOptions options)
    : directory_(directory), options_(std::move(options)) {
  remove_abandoned(directory_.uploads());
}

bool VoiceUploads::is_upload(const CatalogVoice& voice) const {
  return voice.file.starts_with(VoiceDirectory::kUploads);
}

std::string VoiceUploads::path_of(std::string_view file) const {
  return directory_.uploads() + "/" + std::string(file.substr(VoiceDirectory::kUploads.size()));
}

void VoiceUploads::check_room(size_t bytes, bool replaces) const {
  const std::vector<CatalogVoice> voices = VoiceCatalog(directory_).list();
  const auto count = std::count_if(voices.begin(), voices.end(),
                                   [&](const CatalogVoice& voice) { return is_upload(voice); });
  if (!replaces && static_cast<size_t>(count) >= options_.max_voices) {
    throw VoiceUploadError(Reason::kFull, "There are " + std::to_string(count) +
                                              " uploaded voices, at most " +
                                              std::to_string(options_.max_voices) + " are kept.");
  }
  struct statvfs disk {};
  if (::statvfs(directory_.uploads().c_str(), &disk) != 0) return;
  if (uint64_t{disk.f_bavail} * disk.f_frsize < options_.min_free_bytes + bytes) {
    throw VoiceUploadError(Reason::kFull, "The disk is nearly full.");
  }
}

void VoiceUploads::forget(const CatalogVoice& voice) const {
  if (!options_.forget) return;
  try {
    options_.forget(directory_.open(voice.file).content_hash());
  } catch (const Error&) {
    // What cannot be read has not been used either.
  }
}

AddedVoice VoiceUploads::add(const NewVoice& voice, std::stop_token stop) {
  std::string name;
  try {
    name = checked_voice_name(voice.name);
  } catch (const Error& error) {
    throw VoiceUploadError(Reason::kName, error.what());
  }
  if (voice.audio.size() > options_.max_bytes) {
    throw VoiceUploadError(Reason::kTooLarge,
                           "audio_sample: found " + std::to_string(voice.audio.size()) +
                               " bytes, expected at most " + std::to_string(options_.max_bytes));
  }
  if (find_invalid_utf8(voice.text) || count_code_points(voice.text) > kLongestText) {
    throw VoiceUploadError(Reason::kText, "text: expected at most " + std::to_string(kLongestText) +
                                              " characters of UTF-8");
  }
  Recording recording = examined(voice.audio, stop);
  const std::string_view bytes =
      recording.converted.empty() ? voice.audio : std::string_view(recording.converted);

  const std::scoped_lock lock(mutex_);
  std::optional<CatalogVoice> old;
  for (const CatalogVoice& known : VoiceCatalog(directory_).list()) {
    if (folded(known.id) == folded(name)) old = known;
  }
  if (old && !voice.overwrite) {
    throw VoiceUploadError(Reason::kExists, "There is a voice " + in_quotes(old->id) + " already.");
  }
  if (old && !is_upload(*old)) {
    throw VoiceUploadError(Reason::kReadOnly,
                           "The voice " + in_quotes(old->id) + " was not uploaded.");
  }
  std::error_code ignored;
  fs::create_directories(directory_.uploads(), ignored);
  check_room(bytes.size(), old.has_value());

  const std::string file = std::string(VoiceDirectory::kUploads) + name + recording.suffix;
  const fs::path path = path_of(file);
  if (old) {
    forget(*old);
    // A text must not stand beside another recording.
    fs::remove(text_path(path_of(old->file)), ignored);
  }
  store(path, bytes);
  if (old && old->file != file) fs::remove(path_of(old->file), ignored);
  if (!voice.text.empty()) store(text_path(path), voice.text);

  AddedVoice added;
  added.warnings = std::move(recording.warnings);
  for (const CatalogVoice& stored : VoiceCatalog(directory_).list()) {
    if (stored.file == file) added.voice = stored;
  }
  if (added.voice.file.empty()) throw_unavailable("voices: what was stored is not there");
  return added;
}

std::string VoiceUploads::remove(std::string_view name) {
  const std::scoped_lock lock(mutex_);
  const auto voice = VoiceCatalog(directory_).find(composed(name));
  if (!voice) throw VoiceUploadError(Reason::kUnknown, "There is no such voice.");
  if (!is_upload(*voice)) {
    throw VoiceUploadError(Reason::kReadOnly,
                           "The voice " + in_quotes(voice->id) + " was not uploaded.");
  }
  forget(*voice);
  const fs::path path = path_of(voice->file);
  std::error_code error;
  fs::remove(text_path(path), error);
  if (!fs::remove(path, error) && error) {
    throw_unavailable("voices: cannot be removed (" + error.message() + ")");
  }
  return voice->id;
}

std::optional<double> VoiceUploads::measured(const VoiceFile& file) {
  double seconds = 0;
  try {
    const Voice voice = load_voice_bytes(file.read(), "voice");
    seconds = static_cast<double>(voice.samples.size()) / kModelRate;
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kUnavailable) throw;
    return std::nullopt;
  }
  const std::scoped_lock lock(mutex_);
  if (seconds_.size() >= kMaxDurations) seconds_.clear();
  seconds_[file.content_hash()] = seconds;
  return seconds;
}

VoiceDetails VoiceUploads::details(const CatalogVoice& voice) {
  VoiceDetails details;
  details.deletable = is_upload(voice);
  const VoiceFile file = directory_.open(voice.file);
  {
    const std::scoped_lock lock(mutex_);
    const auto known = seconds_.find(file.content_hash());
    if (known != seconds_.end()) details.seconds = known->second;
  }
  if (!details.seconds) details.seconds = measured(file);
  if (details.deletable) {
    try {
      details.text = read_file(text_path(path_of(voice.file)));
    } catch (const Error&) {
      // There is none.
    }
  }
  return details;
}

}  // namespace echo
