// The recordings that a model brings with it, so that there is somebody to imitate.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/temporary_folder.h"
#include "checkpoint/model_files.h"

namespace echo {

// Where they lie in a packed file: "voices.awb.flac". Each is a row of 32-bit words, the number of its
// bytes and then these, filled up with zeros.
inline constexpr std::string_view kVoicesScope = "voices";
std::vector<std::byte> packed_recording(std::string_view bytes);

// Copies are the same recordings. Threads: one at a time.
class SampleVoices {
 public:
  // Of a packed file, which has at most so many, of at most so many bytes.
  static constexpr size_t kMaxPacked = 64;
  static constexpr uint64_t kMaxPackedBytes = uint64_t{16} << 20;

  // None.
  SampleVoices() = default;
  // Those in voices/ beside the model's files, or in the packed file. Errors: kCorrupt for a packed
  // file with a recording whose name or size is none.
  explicit SampleVoices(const ModelFiles& files);

  // Names of files, sorted: "awb.flac".
  const std::vector<std::string>& names() const { return names_; }
  bool empty() const { return names_.empty(); }
  // "awb, rms, slt"; empty without any.
  std::string list() const;

  // The folder that has them. Those of a packed file are written into one when it is asked for
  // first, which is gone when the last copy goes. Not when there are none. Errors: kUnavailable when
  // that cannot be written.
  std::filesystem::path folder() const;
  // The recording of that name, with or without its suffix; nothing when there is none.
  std::optional<std::filesystem::path> find(const std::string& name) const;

 private:
  void unpack(const std::filesystem::path& folder) const;

  std::vector<std::string> names_;
  std::filesystem::path place_;  // the folder, or the packed file
  bool packed_ = false;
  // One for all copies; empty until it is needed.
  std::shared_ptr<std::unique_ptr<TemporaryFolder>> unpacked_;
};

}  // namespace echo
