// Voices that clients add and remove: files in the folder of uploads of a VoiceDirectory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "speech/voice_catalog.h"

namespace echo {

struct VoiceUploadOptions {
  uint64_t max_bytes = uint64_t{10} << 20;        // of a recording
  size_t max_voices = 1000;                       // that were uploaded
  uint64_t min_free_bytes = uint64_t{100} << 20;  // that the disk keeps
  // Told the content hash of a recording that is gone: what was made of it may go, too.
  std::function<void(const std::string& content_hash)> forget = {};
};

// Why a voice was not added or removed; what() is for the client.
class VoiceUploadError : public Error {
 public:
  enum class Reason { kName, kAudio, kText, kTooLarge, kExists, kReadOnly, kUnknown, kFull };
  VoiceUploadError(Reason reason, const std::string& message);
  Reason reason() const { return reason_; }

 private:
  Reason reason_;
};

struct NewVoice {
  std::string_view name;
  std::string_view audio;  // a file; its content says of which kind
  std::string_view text;   // what is said in it; may be empty
  bool overwrite = false;  // a voice of that name is replaced
  // Frees what the texts above and the recording lie in, as soon as they are not needed any more.
  // Called once at most; may be null.
  std::function<void()> release = {};
};

struct AddedVoice {
  CatalogVoice voice;
  std::vector<std::string> warnings;  // about the recording, a sentence each
};

struct VoiceDetails {
  std::optional<double> seconds;  // of sound, as far as it is used; nothing: it has none
  bool deletable = false;         // it is one of the uploads
  std::string text;               // what is said in it; empty: not known
};

// Nothing that a client names becomes part of a path before it has been checked or found in the
// list. A recording is there whole or not at all, whatever kills the process, and only its owner
// may read it. Threads: any; add() takes as long as decoding does.
class VoiceUploads {
 public:
  // `directory`, which has a folder of uploads, must outlive it. Removes what killed processes left
  // there.
  VoiceUploads(const VoiceDirectory& directory, VoiceUploadOptions options);

  // Stores wav, flac, mp3, ogg and m4a files as they are, others as FLAC. Throws VoiceUploadError;
  // kUnavailable when the folder cannot be written; kCancelled when `stop` is requested.
  AddedVoice add(const NewVoice& voice, std::stop_token stop = {});

  // Removes a voice by its id, as VoiceCatalog::find() has it, and returns that. Whoever has opened
  // it keeps it. Throws VoiceUploadError, kUnavailable.
  std::string remove(std::string_view name);

  // Decodes the recording when it is asked for the first time. Throws kNotFound when it is gone,
  // kUnavailable.
  VoiceDetails details(const CatalogVoice& voice);

  const std::string& folder() const { return directory_.uploads(); }

 private:
  std::string path_of(std::string_view file) const;
  bool is_upload(const CatalogVoice& voice) const;
  void check_count() const;
  void check_disk(uint64_t bytes) const;
  void forget(const CatalogVoice& voice) const;
  std::optional<double> measured(const VoiceFile& file);

  const VoiceDirectory& directory_;
  const VoiceUploadOptions options_;
  std::mutex mutex_;                       // one change at a time; guards what follows
  std::map<std::string, double> seconds_;  // by content hash
};

}  // namespace echo
