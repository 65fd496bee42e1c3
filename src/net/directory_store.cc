#include "net/directory_store.h"

#include <algorithm>
#include <charconv>
#include <cstdint>

#include "base/atomic_file.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/file_io.h"
#include "net/url.h"

namespace echo {
namespace {

// Relative, without "..", hidden files or control characters.
bool is_key(std::string_view key) {
  if (key.empty() || key.size() > 1024) return false;
  if (std::any_of(key.begin(), key.end(),
                  [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == '\\'; })) {
    return false;
  }
  while (true) {
    const auto slash = key.find('/');
    const std::string_view part = key.substr(0, slash);
    if (part.empty() || part.front() == '.' || part.size() > 255) return false;
    if (slash == std::string_view::npos) return true;
    key.remove_prefix(slash + 1);
  }
}

std::string parameter(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    const auto end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    const auto equals = pair.find('=');
    if (equals != std::string_view::npos && pair.substr(0, equals) == name) {
      return percent_decode(pair.substr(equals + 1));
    }
  }
  return "";
}

std::int64_t unix_seconds(Clock& clock) {
  return std::chrono::duration_cast<std::chrono::seconds>(clock.wall_now().time_since_epoch())
      .count();
}

}  // namespace

std::string content_type_of(std::string_view name) {
  const std::pair<std::string_view, const char*> types[] = {
      {".ogg", "audio/ogg; codecs=opus"},
      {".opus", "audio/ogg; codecs=opus"},
      {".mp3", "audio/mpeg"},
      {".wav", "audio/wav"},
      {".flac", "audio/flac"},
      {".m4a", "audio/mp4"},
      {".aac", "audio/aac"},
      {".webm", "audio/webm"},
      {".json", "application/json"},
      {".txt", "text/plain; charset=utf-8"},
  };
  for (const auto& [ending, type] : types) {
    if (name.ends_with(ending)) return type;
  }
  return "application/octet-stream";
}

DirectoryStore::DirectoryStore(const DirectoryStoreOptions& options, Clock& clock)
    : options_(options), clock_(clock) {
  if (options_.directory.empty()) throw_invalid("storage: the folder for results is not set");
  std::error_code error;
  std::filesystem::create_directories(options_.directory, error);
  if (error) {
    throw_unavailable("storage: cannot create " + options_.directory.string() + ": " +
                      error.message());
  }
  if (options_.secret.empty()) options_.secret = random_bytes(32);
}

std::string DirectoryStore::key(const std::string& name) const {
  if (!is_key(name)) {
    throw_invalid(
        "storage: the name of an object must be relative, without parts that begin with a dot");
  }
  return name;
}

std::filesystem::path DirectoryStore::path_of(const std::string& key) const {
  return options_.directory / key;
}

void DirectoryStore::put(const std::string& name, std::string_view data, const std::string&,
                         std::stop_token) {
  write_file_atomically(path_of(key(name)), data, Durability::kDurable);
}

std::string DirectoryStore::get(const std::string& name, std::stop_token) {
  return read_file(path_of(key(name)));
}

std::optional<ObjectInfo> DirectoryStore::head(const std::string& name, std::stop_token) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path_of(key(name)), error);
  if (error) return std::nullopt;
  return ObjectInfo{size, content_type_of(name)};
}

void DirectoryStore::remove(const std::string& name, std::stop_token) {
  std::error_code error;
  std::filesystem::remove(path_of(key(name)), error);
  if (error) throw_unavailable("storage: cannot remove " + name + ": " + error.message());
}

std::string DirectoryStore::describe() const { return "folder " + options_.directory.string(); }

void DirectoryStore::set_base_url(const std::string& base_url) {
  std::scoped_lock lock(mutex_);
  options_.base_url = base_url;
}

std::string DirectoryStore::signature(const std::string& key, const std::string& expires) const {
  return hex(hmac_sha256(options_.secret, "GET\n" + key + "\n" + expires));
}

std::string DirectoryStore::link(const std::string& name, std::chrono::seconds ttl) const {
  const auto seconds = ttl.count() > 0 ? ttl : options_.link_ttl;
  const std::string expires = std::to_string(unix_seconds(clock_) + seconds.count());
  const std::string whole = key(name);
  std::scoped_lock lock(mutex_);
  return options_.base_url + "/" + percent_encode(whole, "/") + "?expires=" + expires +
         "&signature=" + signature(whole, expires);
}

LinkedFile DirectoryStore::open_link(std::string_view encoded_key, std::string_view query) const {
  using Status = LinkedFile::Status;
  LinkedFile file;
  const std::string key = percent_decode(encoded_key);
  const std::string expires = parameter(query, "expires");
  if (!is_key(key) ||
      !equal_in_constant_time(parameter(query, "signature"), signature(key, expires))) {
    return file;
  }
  std::int64_t until = 0;
  std::from_chars(expires.data(), expires.data() + expires.size(), until);
  if (until < unix_seconds(clock_)) {
    file.status = Status::kExpired;
    return file;
  }
  std::error_code error;
  if (!std::filesystem::is_regular_file(path_of(key), error)) {
    file.status = Status::kNotFound;
    return file;
  }
  file.status = Status::kOk;
  file.path = path_of(key);
  file.content_type = content_type_of(key);
  return file;
}

std::string DirectoryStore::read_link(const std::string& url, std::stop_token) {
  std::string base;
  {
    std::scoped_lock lock(mutex_);
    base = options_.base_url + "/";
  }
  std::string_view rest = url;
  if (!rest.starts_with(base)) throw_invalid("storage: the link does not belong to " + describe());
  rest.remove_prefix(base.size());
  const auto question = std::min(rest.find('?'), rest.size());
  const LinkedFile file =
      open_link(rest.substr(0, question), rest.substr(std::min(question + 1, rest.size())));
  switch (file.status) {
    case LinkedFile::Status::kOk:
      return read_file(file.path);
    case LinkedFile::Status::kExpired:
      throw_unavailable("storage: the link has expired");
    case LinkedFile::Status::kNotFound:
      throw_not_found("storage: the link points to no object");
    case LinkedFile::Status::kBadSignature:
      break;
  }
  throw_unavailable("storage: the link's signature is wrong");
}

}  // namespace echo
