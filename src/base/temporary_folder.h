// A folder of a program's own, for what others can only read from files.
#pragma once

#include <filesystem>
#include <string>

namespace echo {

// Below the system's folder for temporary files, for nobody else to read; gone, with all that is in
// it, when this goes.
class TemporaryFolder {
 public:
  // Its name begins with `name`. Throws kUnavailable with the system's reason.
  explicit TemporaryFolder(const std::string& name);
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace echo
