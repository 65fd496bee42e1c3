#include "fake_hub.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "net/url.h"

namespace echo {
namespace {

PeerReply error_reply(int status, const std::string& code) {
  PeerReply reply{.status = status};
  reply.headers = {{"X-Error-Code", code}, {"X-Error-Message", "not today"}};
  if (code == "EntryNotFound") reply.headers.emplace_back("X-Repo-Commit", FakeHub::kCommit);
  return reply;
}

std::string git_sha1(const std::string& content) {
  return hex(digest(DigestKind::kSha1,
                    "blob " + std::to_string(content.size()) + std::string(1, '\0') + content));
}

}  // namespace

std::string patterned(std::size_t size, unsigned seed) {
  std::string out(size, '\0');
  std::uint32_t state = seed;
  for (char& c : out) {
    state = state * 1664525u + 1013904223u;
    c = static_cast<char>(state >> 24);
  }
  return out;
}

FakeHub::FakeHub(std::map<std::string, HubFile> files)
    : files_(std::move(files)),
      content_([this](const PeerRequest& request) { return answer_content(request); }),
      hub_([this](const PeerRequest& request) { return answer_hub(request); }) {}

std::string FakeHub::etag(const std::string& file) const {
  const HubFile& found = files_.at(file);
  return found.large ? hex(digest(DigestKind::kSha256, found.content)) : git_sha1(found.content);
}

void FakeHub::set_content_fault(ContentFault fault) {
  std::scoped_lock lock(mutex_);
  content_fault_ = std::move(fault);
}

void FakeHub::set_hub_fault(HubFault fault) {
  std::scoped_lock lock(mutex_);
  hub_fault_ = std::move(fault);
}

void FakeHub::inject_content_fault(const PeerRequest& request, PeerReply& reply) {
  ContentFault fault;
  {
    std::scoped_lock lock(mutex_);
    fault = content_fault_;
  }
  if (fault) fault(request, reply);
}

PeerReply FakeHub::answer_hub(const PeerRequest& request) {
  HubFault fault;
  {
    std::scoped_lock lock(mutex_);
    fault = hub_fault_;
  }
  if (fault) {
    if (auto reply = fault(request)) return *reply;
  }
  if (!required_token.empty() && request.header("Authorization") != "Bearer " + required_token) {
    return request.has_header("Authorization") ? error_reply(403, "GatedRepo")
                                               : error_reply(401, "GatedRepo");
  }
  const std::string repository = std::string("/") + kRepository;
  if (request.path().starts_with("/api/models" + repository + "/paths-info/")) {
    return describe_paths(request);
  }
  if (renamed && request.path().starts_with(repository)) {
    return {.status = 307, .headers = {{"Location", "/moved" + request.target}}};
  }
  std::string path = request.path();
  if (path.starts_with("/moved")) path.erase(0, 6);
  if (!path.starts_with(repository + "/resolve/")) return error_reply(404, "RepoNotFound");
  path.erase(0, repository.size() + 9);
  const auto slash = path.find('/');
  const std::string revision = path.substr(0, slash);
  if (revision != "main" && revision != kCommit) return error_reply(404, "RevisionNotFound");
  const std::string name = percent_decode(path.substr(slash + 1));
  const auto found = files_.find(name);
  if (found == files_.end()) return error_reply(404, "EntryNotFound");

  const HubFile& file = found->second;
  PeerReply reply;
  if (!file.large) {
    reply = body(request, file.content, etag(name));
    reply.headers.emplace_back("X-Repo-Commit", kCommit);
    if (request.method == "GET") inject_content_fault(request, reply);
    return reply;
  }
  reply.status = 302;
  reply.headers = {{"X-Repo-Commit", kCommit},
                   {"X-Linked-Etag", "\"" + etag(name) + "\""},
                   {"ETag", "\"of-the-redirect\""},
                   {"Location", content_.url("/" + path.substr(slash + 1) + "?X-Signature=abc")}};
  if (says_size) {
    reply.headers.emplace_back("X-Linked-Size", std::to_string(file.content.size()));
  }
  reply.body = "Found. Redirecting";
  return reply;
}

PeerReply FakeHub::answer_content(const PeerRequest& request) {
  // Signed links refuse other credentials, as the real second host does.
  if (request.has_header("Authorization")) return {.status = 400};
  const auto found = files_.find(percent_decode(request.path().substr(1)));
  if (found == files_.end()) return {.status = 404};
  PeerReply reply = body(request, found->second.content,
                         "content-" + std::to_string(found->second.content.size()));
  inject_content_fault(request, reply);
  return reply;
}

PeerReply FakeHub::body(const PeerRequest& request, const std::string& content,
                        const std::string& name) {
  PeerReply reply;
  reply.headers = {{"ETag", "\"" + name + "\""}};
  const std::string range = request.header("Range");
  const std::string condition = request.header("If-Range");
  if (ranges && range.starts_with("bytes=") &&
      (condition.empty() || condition == "\"" + name + "\"")) {
    std::size_t first = 0, last = content.size() - 1;
    const auto dash = range.find('-');
    std::from_chars(range.data() + 6, range.data() + dash, first);
    std::from_chars(range.data() + dash + 1, range.data() + range.size(), last);
    if (first >= content.size()) return {.status = 416};
    last = std::min(last, content.size() - 1);
    reply.status = 206;
    reply.headers.emplace_back("Content-Range", "bytes " + std::to_string(first) + "-" +
                                                    std::to_string(last) + "/" +
                                                    std::to_string(content.size()));
    reply.body = content.substr(first, last - first + 1);
  } else {
    reply.body = content;
  }
  if (request.method == "GET") bytes_sent_ += reply.body.size();
  return reply;
}

// What the hub's own JavaScript client asks first.
PeerReply FakeHub::describe_paths(const PeerRequest& request) const {
  nlohmann::json answer = nlohmann::json::array();
  const auto question = nlohmann::json::parse(request.body);
  for (const std::string name : question.at("paths")) {
    const auto found = files_.find(name);
    if (found == files_.end()) continue;
    nlohmann::json entry = {
        {"path", name},
        {"type", "file"},
        {"oid", git_sha1(found->second.content)},
        {"size", found->second.content.size()},
        {"lastCommit", {{"id", kCommit}, {"title", "t"}, {"date", "2026-01-01"}}}};
    if (found->second.large) {
      entry["lfs"] = {
          {"oid", etag(name)}, {"size", found->second.content.size()}, {"pointerSize", 1}};
    }
    answer.push_back(entry);
  }
  return {.headers = {{"Content-Type", "application/json"}}, .body = answer.dump()};
}

}  // namespace echo
