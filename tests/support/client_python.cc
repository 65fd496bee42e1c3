#include "support/client_python.h"

#include <filesystem>

#include "support/paths.h"

namespace echo {

std::optional<std::string> client_python() {
  // The stamp is written last, when everything is there.
  const std::string venv = source_path("/tests/python/venv");
  if (!std::filesystem::exists(venv + "/.installed")) return std::nullopt;
  return venv + "/bin/python";
}

}  // namespace echo
