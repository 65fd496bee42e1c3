// A file without a name, for what is made piece by piece and then read as a whole.
#pragma once

#include <filesystem>
#include <string_view>

#include "base/descriptor.h"

namespace echo {

// On the disk where that can be, else in memory. Nothing is left when it goes. One thread at a time.
//
//   SpoolFile file(std::filesystem::temp_directory_path());
//   write_into(file.descriptor());
//   store.put(name, file.map(), type);
class SpoolFile {
 public:
  // Throws kUnavailable when neither `folder` nor memory takes a file.
  explicit SpoolFile(const std::filesystem::path& folder);
  ~SpoolFile();
  SpoolFile(const SpoolFile&) = delete;
  SpoolFile& operator=(const SpoolFile&) = delete;

  // May be read, written and sought.
  int descriptor() const { return file_.get(); }
  // Returns all that is in it, as long as this lives and nothing more is written. Throws
  // kUnavailable.
  std::string_view map();

 private:
  void unmap();

  Descriptor file_;
  void* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace echo
