#include "apps/small_model.h"

#include <array>

#include "base/error.h"

namespace echo::apps {
namespace {

namespace fs = std::filesystem;

// Beside a program that was built, and where `cmake --install` puts it.
std::array<fs::path, 2> places() {
  std::error_code error;
  const fs::path folder = fs::read_symlink("/proc/self/exe", error).parent_path();
  return {folder / "echo-small", folder.parent_path() / "share/echo-tts/echo-small"};
}

}  // namespace

std::optional<fs::path> find_small_model() {
  std::error_code error;
  for (const fs::path& place : places()) {
    if (fs::is_directory(place, error)) return place;
  }
  return {};
}

fs::path model_path(const std::string& name) {
  if (name != kSmallModel) return name;
  if (const auto found = find_small_model()) return *found;
  const auto [beside, shared] = places();
  throw_not_found("model small: the small voice is neither in " + beside.string() + " nor in " +
                  shared.string());
}

}  // namespace echo::apps
