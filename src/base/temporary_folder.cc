#include "base/temporary_folder.h"

#include <errno.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/file_io.h"

namespace echo {

namespace fs = std::filesystem;

TemporaryFolder::TemporaryFolder(const std::string& name) {
  std::error_code error;
  const fs::path parent = fs::temp_directory_path(error);
  if (error) throw_unavailable("the folder for temporary files: " + error.message());
  std::string path = (parent / (name + "-XXXXXX")).string();
  if (::mkdtemp(path.data()) == nullptr) {
    throw_unavailable(path + ": cannot be made: " + system_reason(errno));
  }
  path_ = path;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

}  // namespace echo
