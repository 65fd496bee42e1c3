#include "speech/voice_uploads.h"

#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>

#include "base/atomic_file.h"
#include "base/file_io.h"
#include "base/spool_file.h"
#include "base/utf8.h"
#include "speech/public_text.h"
#include "speech/unicode_name.h"
#include "speech/uploaded_recording.h"

namespace echo {
namespace {

namespace fs = std::filesystem;
using Reason = VoiceUploadError::Reason;

constexpr mode_t kOwnerOnly = 0600;
constexpr size_t kLongestText = 4000;  // code points, more than 300 s of speech
constexpr size_t kMaxDurations = 10'000;
constexpr std::string_view kTextSuffix = ".txt";

ErrorCode code_of(Reason reason) {
  return reason == Reason::kUnknown ? ErrorCode::kNotFound : ErrorCode::kInvalidArgument;
}

UploadedRecording examined(std::string_view bytes, const std::stop_token& stop) {
  try {
    return examine_recording(bytes, stop);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kCancelled || error.code() == ErrorCode::kUnavailable) throw;
    throw VoiceUploadError(Reason::kAudio, error.what());
  }
}

void check_stored(int error) {
  if (error == 0) return;
  if (error == ENOSPC || error == EDQUOT) {
    throw VoiceUploadError(Reason::kFull, "The disk is full.");
  }
  throw_unavailable(std::string("voices: cannot be stored (") + std::strerror(error) + ")");
}

void write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(descriptor, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    check_stored(count < 0 ? errno : 0);
    bytes.remove_prefix(static_cast<size_t>(count));
  }
}

void store(const fs::path& path, std::string_view bytes) {
  AtomicFile file;
  check_stored(file.create(path, kOwnerOnly));
  check_stored(file.write(bytes));
  check_stored(file.commit(Durability::kDurable));
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

void VoiceUploads::check_count() const {
  const std::vector<CatalogVoice> voices = VoiceCatalog(directory_).list();
  const auto count = std::count_if(voices.begin(), voices.end(),
                                   [&](const CatalogVoice& voice) { return is_upload(voice); });
  if (static_cast<size_t>(count) < options_.max_voices) return;
  throw VoiceUploadError(Reason::kFull, "There are " + std::to_string(count) +
                                            " uploaded voices, at most " +
                                            std::to_string(options_.max_voices) + " are kept.");
}

void VoiceUploads::check_disk(uint64_t bytes) const {
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
  const std::string text(voice.text);
  const UploadedRecording recording = examined(voice.audio, stop);
  std::error_code ignored;
  fs::create_directories(directory_.uploads(), ignored);
  const std::string file = std::string(VoiceDirectory::kUploads) + name + recording.suffix;
  const fs::path path = path_of(file);
  AtomicFile stored;
  check_stored(stored.create(path, kOwnerOnly));
  if (recording.converted) {
    check_disk(voice.audio.size() + recording.converted_bytes);
    // The encoder alone takes 7 MB: what it reads lies on the disk meanwhile.
    const SpoolFile given(directory_.uploads());
    write_all(given.descriptor(), voice.audio);
    if (voice.release) voice.release();
    try {
      convert_recording(given.descriptor(), recording, stored.descriptor(), stop);
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kUnavailable) check_disk(0);
      throw;
    }
  } else {
    check_disk(voice.audio.size());
    check_stored(stored.write(voice.audio));
  }

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
  if (!old) check_count();

  if (old) {
    forget(*old);
    // A text must not stand beside another recording.
    fs::remove(text_path(path_of(old->file)), ignored);
  }
  check_stored(stored.commit(Durability::kDurable));
  if (old && old->file != file) fs::remove(path_of(old->file), ignored);
  if (!text.empty()) store(text_path(path), text);

  AddedVoice added;
  added.warnings = recording.warnings;
  for (const CatalogVoice& known : VoiceCatalog(directory_).list()) {
    if (known.file == file) added.voice = known;
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
    seconds = recording_seconds(file.read());
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
