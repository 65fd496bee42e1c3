#include "net/cached_model.h"

#include <algorithm>

#include "base/ascii.h"
#include "base/error.h"
#include "net/url.h"

namespace echo {
namespace {

namespace fs = std::filesystem;

bool has_files(const fs::path& folder, const std::vector<std::string>& files) {
  return std::all_of(files.begin(), files.end(), [&](const std::string& file) {
    std::error_code error;
    return fs::is_regular_file(folder / file, error);
  });
}

std::vector<fs::path> sorted_folders(const fs::path& parent) {
  std::vector<fs::path> folders;
  std::error_code error;
  for (fs::directory_iterator it(parent, error), end; !error && it != end; it.increment(error)) {
    folders.push_back(it->path());
  }
  std::sort(folders.begin(), folders.end());
  return folders;
}

// The child of that name, or one that differs in case only.
fs::path child(const fs::path& parent, const std::string& name) {
  std::error_code error;
  if (fs::is_directory(parent / name, error)) return parent / name;
  for (const fs::path& folder : sorted_folders(parent)) {
    if (lower(folder.filename().string()) == lower(name)) return folder;
  }
  return parent / name;
}

std::optional<fs::path> find_in_hub_cache(const fs::path& root, const HubRepository& repository) {
  const HubCache cache(root, repository.name);
  if (const auto found = cache.find(repository.revision, repository.files)) return found;
  if (repository.revision != "main") return std::nullopt;
  for (const fs::path& snapshot : sorted_folders(cache.repository_folder() / "snapshots")) {
    if (has_files(snapshot, repository.files)) return snapshot;
  }
  return std::nullopt;
}

std::optional<fs::path> find_in_plain_cache(const fs::path& root, const HubRepository& repository) {
  fs::path folder = root;
  for (const fs::path& part : fs::path(repository.name)) folder = child(folder, part.string());
  folder /= repository.revision;
  if (has_files(folder, repository.files)) return folder;
  return std::nullopt;
}

// What people paste instead of a name.
void refuse_addresses(const std::string& text) {
  constexpr std::string_view kExpected =
      ", expected ORG/NAME or ORG/NAME@REVISION, for instance jordand/echo-tts-base";
  const auto mark = text.find("://");
  if (mark != std::string::npos) {
    const std::string rest = text.substr(mark + 3);
    const auto slash = rest.find('/');
    std::string name = slash == std::string::npos ? "" : rest.substr(slash + 1);
    // Of the address of a page only its first two parts are the name.
    if (const auto first = name.find('/'); first != std::string::npos) {
      name = name.substr(0, name.find_first_of("/?#", first + 1));
    }
    throw_invalid("found the web address " +
                  percent_encode_illegal(url_for_display(text)).substr(0, 100) +
                  std::string(kExpected) +
                  (name.empty() ? "" : "; is it " + percent_encode_illegal(name) + "?"));
  }
  if (text.starts_with("/") || text.starts_with("./") || text.starts_with("../") ||
      text.starts_with("~")) {
    throw_invalid("found the path " + percent_encode_illegal(text).substr(0, 100) +
                  std::string(kExpected) + "; ECHO_MODEL_DIR and --model take a directory");
  }
}

}  // namespace

std::optional<fs::path> find_cached_model(const CachedModelPlaces& places,
                                          const HubRepository& repository) {
  check_repository_name(repository.name);
  check_relative_name("revision", repository.revision);
  for (const fs::path& root : places.hub_caches) {
    if (const auto found = find_in_hub_cache(root, repository)) return found;
  }
  for (const fs::path& root : places.plain_caches) {
    if (const auto found = find_in_plain_cache(root, repository)) return found;
  }
  return std::nullopt;
}

HubRepository parse_repository(const std::string& text, std::vector<std::string> files) {
  refuse_addresses(text);
  const auto mark = text.find_first_of("@:");
  HubRepository repository;
  repository.name = text.substr(0, mark);
  if (mark != std::string::npos) repository.revision = text.substr(mark + 1);
  repository.files = std::move(files);
  check_repository_name(repository.name);
  check_relative_name("revision", repository.revision);
  return repository;
}

}  // namespace echo
