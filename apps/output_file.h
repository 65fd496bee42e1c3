// A file that appears under its name only when it is whole.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/atomic_file.h"

namespace echo::apps {

// Nothing stays behind when it fails (base/atomic_file.h). A device or a pipe is written directly.
// Opened early so that an unwritable place is known before the work: kUnavailable.
class OutputFile {
 public:
  explicit OutputFile(const std::filesystem::path& path);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  // Writes all bytes, flushes them to the disk and gives the file its name. kUnavailable, e.g. when
  // the disk is full.
  void commit(std::string_view bytes);

 private:
  [[noreturn]] void fail(const char* what, int error) const;

  std::filesystem::path path_;
  AtomicFile file_;
  int device_ = -1;
};

// All bytes to standard output. kUnavailable when it is closed or full.
void write_standard_output(std::string_view bytes);

}  // namespace echo::apps
