// A file that appears under its name only when it is whole.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/atomic_file.h"
#include "base/spool_file.h"
#include "checkpoint/model_files.h"

namespace echo::apps {

// Where writing to `path` leads: through symbolic links, to what is there or is to be made. Throws
// kInvalidArgument for links that lead in a circle.
std::filesystem::path output_target(const std::filesystem::path& path);

// A file that is read, and what it is for: {"the voice", "anna.wav"}.
struct InputFile {
  std::string what;
  std::filesystem::path path;
};

// The files of a model.
std::vector<InputFile> inputs_of(const ModelFiles& files);

// Throws kInvalidArgument when the output is one of the inputs, by whatever name or link; files
// that are not there are apart from all others.
void check_output_apart(const std::filesystem::path& output, std::span<const InputFile> inputs);

// Written to where a symbolic link leads. Nothing stays behind when it fails (base/atomic_file.h).
// A device or a pipe is written directly. Opened early so that an unwritable place is known before
// the work: kUnavailable.
class OutputFile {
 public:
  explicit OutputFile(const std::filesystem::path& path);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  // For who makes the file piece by piece: it may be read, written and sought.
  int descriptor();
  // Flushes what was written to the disk and gives the file its name; what goes to a device or a
  // pipe is written now. kUnavailable, e.g. when the disk is full.
  void commit();
  // Writes all bytes, then the same.
  void commit(std::string_view bytes);

 private:
  [[noreturn]] void fail(const char* what, int error) const;

  std::filesystem::path path_;
  AtomicFile file_;
  int device_ = -1;
  std::optional<SpoolFile> spool_;  // of what is for the device
};

// All bytes to standard output. kUnavailable when it is closed or full.
void write_standard_output(std::string_view bytes);

}  // namespace echo::apps
