#include "net/model_hub.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "base/atomic_file.h"
#include "base/error.h"
#include "net/download.h"
#include "net/file_lock.h"
#include "net/url.h"

namespace echo {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

constexpr milliseconds kLookUpTimeout{10'000};
constexpr milliseconds kProgressPause{100};
constexpr int kMaxRedirects = 5;

// Without W/ and quotes: the name of the blob.
std::string plain_etag(std::string_view etag) {
  if (etag.starts_with("W/")) etag.remove_prefix(2);
  if (etag.size() >= 2 && etag.front() == '"' && etag.back() == '"') {
    etag = etag.substr(1, etag.size() - 2);
  }
  return std::string(etag);
}

// Can be the name of a file.
bool is_plain_name(const std::string& text) {
  return !text.empty() && text.size() <= 128 && text.front() != '.' &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                  c == '-' || c == '_' || c == '.';
         });
}

std::optional<std::uint64_t> number(std::optional<std::string_view> text) {
  std::uint64_t value = 0;
  if (!text) return std::nullopt;
  const char* end = text->data() + text->size();
  const auto [stopped, error] = std::from_chars(text->data(), end, value);
  if (error != std::errc() || stopped != end) return std::nullopt;
  return value;
}

bool hub_is_out_of_reach(const HttpResponse& response) {
  return response.error != TransportError::kNone && response.error != TransportError::kCancelled &&
         response.error != TransportError::kTls;
}

// The hub cannot be reached at all: then the cache may do.
class OutOfReach : public Error {
 public:
  using Error::Error;
};

}  // namespace

struct ModelHub::FileInfo {
  std::string commit;
  std::string etag;
  std::string if_range;  // as the hub gave it, if the bytes come from the hub itself
  std::optional<std::uint64_t> size;
};

ModelHub::ModelHub(HubOptions options, HttpClient& http, Clock& clock)
    : options_(std::move(options)), http_(http), clock_(clock) {
  while (options_.endpoint.ends_with("/")) options_.endpoint.pop_back();
  try {
    parse_url(options_.endpoint);
  } catch (const Error& error) {
    throw_invalid(std::string("HF_ENDPOINT: ") + error.what());
  }
  const bool printable = std::all_of(options_.token.begin(), options_.token.end(),
                                     [](char c) { return c > 0x20 && c < 0x7f; });
  if (!printable)
    throw_invalid("HF_TOKEN has a space, a line break or another character that no token has");
}

std::optional<fs::path> ModelHub::find(const HubRepository& repository) const {
  return HubCache(options_.cache, repository.name).find(repository.revision, repository.files);
}

std::string ModelHub::check_access(const HubRepository& repository, std::stop_token stop) const {
  check_repository_name(repository.name);
  check_relative_name("revision", repository.revision);
  std::string commit;
  for (const std::string& file : repository.files) {
    check_relative_name("name of a file", file);
    commit = look_up(repository, commit.empty() ? repository.revision : commit, file, stop).commit;
  }
  return commit;
}

fs::path ModelHub::download(const HubRepository& repository, const Progress& progress,
                            std::stop_token stop) {
  const HubCache cache(options_.cache, repository.name);
  check_relative_name("revision", repository.revision);
  for (const std::string& file : repository.files) check_relative_name("name of a file", file);
  const auto cached = cache.find(repository.revision, repository.files);
  // A commit never changes.
  if (cached && (options_.offline || is_commit_hash(repository.revision))) return *cached;
  if (options_.offline) {
    throw_not_found("hub: " + repository.name + " at " + repository.revision + " is not in " +
                    options_.cache.string() + ", and HF_HUB_OFFLINE forbids to download it");
  }

  std::string commit;
  bool fetched = false;
  try {
    for (const std::string& file : repository.files) {
      // All files from the commit that the first one came from.
      const FileInfo info =
          look_up(repository, commit.empty() ? repository.revision : commit, file, stop);
      commit = info.commit;
      std::error_code error;
      if (fs::is_regular_file(cache.snapshot(commit) / file, error)) continue;
      fetched = true;
      fetch(repository, file, info, progress, stop);
      cache.link_blob(info.etag, commit, file);
    }
  } catch (const OutOfReach&) {
    if (!cached) throw;
    return *cached;
  }
  // Last, so that the name never stands for a snapshot that is not whole.
  try {
    cache.write_ref(repository.revision, commit);
  } catch (const Error&) {
    // In a cache that cannot be written, what is there will do.
    if (fetched) throw;
  }
  return cache.snapshot(commit);
}

HttpRequest ModelHub::request(const std::string& method, const std::string& repository,
                              const std::string& revision, const std::string& file) const {
  HttpRequest request;
  request.method = method;
  request.url = options_.endpoint + "/" + repository + "/resolve/" + percent_encode(revision) +
                "/" + percent_encode(file, "/");
  request.headers = {{"User-Agent", options_.user_agent}, {"Accept-Encoding", "identity"}};
  if (!options_.token.empty()) {
    request.headers.push_back({"Authorization", "Bearer " + options_.token});
  }
  request.accept_compressed = false;
  request.timeouts.connect = options_.download_timeout;
  return request;
}

ModelHub::FileInfo ModelHub::look_up(const HubRepository& repository, const std::string& revision,
                                     const std::string& file, const std::stop_token& stop) const {
  HttpRequest head = request("HEAD", repository.name, revision, file);
  head.max_redirects = 0;  // the headers of the redirect are what is wanted
  head.timeouts.total = std::max(kLookUpTimeout, options_.download_timeout);
  head.stop = stop;
  FileInfo info;
  bool elsewhere = false;
  Backoff backoff(options_.retry, clock_);
  for (int redirects = 0;;) {
    const HttpResponse response = http_.perform(head);
    const bool redirected = response.error == TransportError::kNone && is_redirect(response.status);
    if (!response.ok() && !redirected) {
      if (is_transient(response) && backoff.wait(stop, retry_after(response))) continue;
      if (response.status == 404 && response.header("X-Error-Code") == "EntryNotFound") {
        const std::string commit(response.header("X-Repo-Commit").value_or(""));
        if (is_plain_name(commit)) remember_absent(repository.name, commit, file);
      }
      fail(repository, file, response);
    }
    if (const auto value = response.header("X-Repo-Commit")) info.commit = *value;
    if (const auto value = number(response.header("X-Linked-Size"))) info.size = value;
    const auto linked = response.header("X-Linked-Etag");
    const auto etag = linked ? linked : response.header("ETag");
    if (etag) info.etag = plain_etag(*etag);
    info.if_range = !linked && etag && etag->starts_with("\"") ? *etag : "";
    if (!redirected) {
      if (!info.size) info.size = number(response.header("Content-Length"));
      break;
    }
    // A repository that was renamed, or a file behind another path of the hub.
    const Url here = parse_url(head.url);
    const Url next = resolve_url(here, response.header("Location").value_or(""));
    elsewhere = next.origin() != here.origin();
    if (elsewhere || ++redirects > kMaxRedirects) break;
    head.url = next.text();
  }
  if (elsewhere) info.if_range.clear();
  if (!is_plain_name(info.commit) || !is_plain_name(info.etag)) {
    throw_corrupt("hub: " + options_.endpoint + " does not answer as a model hub: file " + file +
                  " of " + repository.name + " has no usable X-Repo-Commit or ETag");
  }
  return info;
}

// The error to come matters more than a cache that cannot be written.
void ModelHub::remember_absent(const std::string& repository, const std::string& commit,
                               const std::string& file) const {
  try {
    HubCache(options_.cache, repository).mark_absent(commit, file);
  } catch (const Error&) {
  }
}

void ModelHub::fetch(const HubRepository& repository, const std::string& file, const FileInfo& info,
                     const Progress& progress, const std::stop_token& stop) const {
  const HubCache cache(options_.cache, repository.name);
  std::error_code error;
  if (fs::is_regular_file(cache.blob(info.etag), error)) return;
  const FileLock lock(cache.lock(info.etag), stop, clock_, [&] {
    if (progress) progress({file, 0, info.size, true});
  });
  // Another process may have finished it meanwhile.
  if (fs::is_regular_file(cache.blob(info.etag), error)) return;
  cache.remove_stale(info.etag);
  if (lock.held() && IncompleteBlob::is_hash(info.etag)) cache.take_over(info.etag);
  // Where nothing can be locked, nobody else may write to the same file.
  const fs::path whole = cache.blob(info.etag);
  IncompleteBlob blob(
      lock.held() ? cache.incomplete(info.etag) : temporary_beside(whole), info.etag,
      lock.held() ? IncompleteBlob::Leftover::kKept : IncompleteBlob::Leftover::kRemoved);
  fetch_into(blob, repository, file, info, progress, stop);
  blob.move_to(whole);
}

void ModelHub::fetch_into(IncompleteBlob& blob, const HubRepository& repository,
                          const std::string& file, const FileInfo& info, const Progress& progress,
                          const std::stop_token& stop) const {
  if (info.size && blob.size() > *info.size) blob.restart();

  auto last_report = clock_.now() - kProgressPause;
  const auto report = [&] {
    last_report = clock_.now();
    if (progress) progress({file, blob.size(), info.size, false});
  };
  Download download;
  download.request = request("GET", repository.name, info.commit, file);
  download.request.timeouts.total = milliseconds(0);
  download.request.timeouts.slow_window = options_.download_timeout;
  download.size = info.size;
  download.etag = info.if_range;
  download.connections = options_.connections;
  download.chunk_bytes = options_.chunk_bytes;
  download.retry = options_.retry;
  download.stop = stop;
  download.write = [&](std::string_view bytes) {
    blob.append(bytes);
    if (clock_.now() - last_report >= kProgressPause) report();
  };
  download.restart = [&] { blob.restart(); };
  download.fail = [&](const HttpResponse& response) { fail(repository, file, response); };

  // What an earlier, interrupted download left may be damaged: then once more from the beginning.
  while (true) {
    const bool resumed = blob.size() > 0;
    if (info.size) blob.reserve(*info.size);
    download.begin = blob.size();
    report();
    run_download(http_, clock_, download);
    report();
    const auto defect = blob.defect();
    if (!defect) return;
    blob.restart();
    if (!resumed) {
      throw_corrupt("hub: file " + file + " of " + repository.name + ": " + *defect);
    }
  }
}

void ModelHub::fail(const HubRepository& repository, const std::string& file,
                    const HttpResponse& response) const {
  const std::string where = repository.name + " at " + options_.endpoint;
  const std::string host = answering_host(options_.endpoint, response);
  const bool elsewhere = !response.final_url.empty() && parse_url(response.final_url).origin() !=
                                                            parse_url(options_.endpoint).origin();
  const std::string at_host = elsewhere ? ", at " + host : "";
  if (response.error == TransportError::kCancelled) {
    throw Error(ErrorCode::kCancelled, "hub: cancelled while downloading " + repository.name);
  }
  if (response.error != TransportError::kNone) {
    const std::string text = "hub: file " + file + " of " + where + ": " +
                             std::string(transport_error_name(response.error)) + " (" +
                             response.error_text + ")" + at_host;
    if (response.status >= 200 && response.status < 300 &&
        response.error == TransportError::kProtocol) {
      throw_corrupt(text);
    }
    if (hub_is_out_of_reach(response)) throw OutOfReach(ErrorCode::kUnavailable, text);
    throw_unavailable(text);
  }

  const std::string status = " (status " + std::to_string(response.status) + ")";
  if (elsewhere && response.status < 500) {
    // The token was not sent there, so it is not to blame.
    throw_unavailable("hub: file " + file + " of " + where +
                      ": the host that the hub names for "
                      "its content, " +
                      host + ", refuses the link" + status +
                      "; a proxy or firewall on the way may refuse that host, or the link is no "
                      "longer valid");
  }
  const std::string_view code = response.header("X-Error-Code").value_or("");
  switch (response.status) {
    case 401:
    case 403:
      throw_unavailable("hub: " + where + ": " +
                        (options_.token.empty() ? "no token is set (HF_TOKEN), and the repository "
                                                  "is private, gated or does not exist"
                                                : "the token lacks access to the repository; it is "
                                                  "private, gated or does not exist") +
                        status);
    case 404:
      if (code == "RepoNotFound") throw_not_found("hub: there is no repository " + where + status);
      if (code == "RevisionNotFound") {
        throw_not_found("hub: " + where + " has no revision " + repository.revision + status);
      }
      throw_not_found("hub: " + where + " has no file " + file + " at revision " +
                      repository.revision + status);
    case 429:
      throw_unavailable("hub: " + where + ": too many requests" + status);
    default:
      if (response.status >= 500) {
        throw OutOfReach(ErrorCode::kUnavailable, "hub: " + where + " fails" + status + at_host);
      }
      throw_unavailable("hub: file " + file + " of " + where + ": unexpected answer" + status);
  }
}

}  // namespace echo
