#include "net/s3_store.h"

#include <algorithm>
#include <charconv>

#include "base/digest.h"
#include "base/error.h"
#include "net/url.h"
#include "net/xml.h"

namespace echo {
namespace {

constexpr std::size_t kMaxKey = 1024;  // bytes; the limit of the S3 API

}  // namespace

S3Store::S3Store(const S3Options& options, HttpClient& http, Clock& clock)
    : client_(options, http, clock), http_(http) {}

std::string S3Store::key(const std::string& name) const {
  std::string whole = s3_key(client_.options(), name);
  if (name.empty() || whole.size() > kMaxKey) {
    throw_invalid("storage: the name of an object must have 1 to " + std::to_string(kMaxKey) +
                  " bytes with its prefix");
  }
  if (const std::string found = unstable_segment(name); !found.empty()) {
    throw_invalid("storage: the name of an object has " + found +
                  ", expected none that a client takes out of a link");
  }
  return whole;
}

void S3Store::put(const std::string& name, std::string_view data, const std::string& content_type,
                  std::stop_token stop) {
  S3Request request;
  request.method = "PUT";
  request.key = key(name);
  request.headers = {{"Content-Type", content_type}};
  request.body = data;
  request.stop = std::move(stop);
  client_.send(request);
}

std::string S3Store::get(const std::string& name, std::stop_token stop) {
  S3Request request;
  request.key = key(name);
  request.stop = std::move(stop);
  return client_.send(request).body;
}

std::optional<ObjectInfo> S3Store::head(const std::string& name, std::stop_token stop) {
  S3Request request;
  request.method = "HEAD";
  request.key = key(name);
  request.missing_is_an_answer = true;
  request.stop = std::move(stop);
  const HttpResponse response = client_.send(request);
  if (response.status == 404) return std::nullopt;
  ObjectInfo info;
  const std::string_view size = response.header("Content-Length").value_or("");
  std::from_chars(size.data(), size.data() + size.size(), info.size);
  info.content_type = response.header("Content-Type").value_or("");
  return info;
}

void S3Store::remove(const std::string& name, std::stop_token stop) {
  S3Request request;
  request.method = "DELETE";
  request.key = key(name);
  request.stop = std::move(stop);
  request.missing_is_an_answer = true;
  require_bucket(client_.send(request));
}

void S3Store::require_bucket(const HttpResponse& response) const {
  if (response.status == 404 && xml_text(response.body, "Code") == "NoSuchBucket") {
    throw_not_found("storage: " + describe() + " does not exist");
  }
}

std::string S3Store::link(const std::string& name, std::chrono::seconds ttl) const {
  return client_.presigned_get(key(name), ttl.count() > 0 ? ttl : client_.options().presign_ttl);
}

std::string S3Store::read_link(const std::string& url, std::stop_token stop) {
  HttpRequest request;
  request.url = url;
  request.timeouts.connect = client_.options().connect_timeout;
  request.timeouts.total = client_.options().attempt_timeout;
  request.max_body = std::size_t{256} << 20;
  request.public_hosts_only = client_.options().public_hosts_only;
  request.stop = std::move(stop);
  const HttpResponse response = http_.perform(request);
  if (response.ok()) return response.body;
  const std::string text = "storage: a link into " + describe() + ": ";
  if (response.error == TransportError::kCancelled)
    throw Error(ErrorCode::kCancelled, text + "cancelled");
  if (response.error != TransportError::kNone) {
    throw_unavailable(text + std::string(transport_error_name(response.error)) + " (" +
                      response.error_text + "), at " + answering_host(url, response));
  }
  throw Error(response.status == 404 ? ErrorCode::kNotFound : ErrorCode::kUnavailable,
              text + "status " + std::to_string(response.status) + " from " +
                  answering_host(url, response));
}

std::string S3Store::key_prefix() const { return s3_key(client_.options(), ""); }

std::string S3Store::lifecycle_id() const {
  const std::string prefix = key_prefix();
  return "echo-tts " + (prefix.empty() ? "whole bucket" : prefix);
}

std::vector<LifecycleRule> S3Store::lifecycle_rules() {
  S3Request request;
  request.query = {{"lifecycle", ""}};
  request.missing_is_an_answer = true;
  const HttpResponse response = client_.send(request);
  require_bucket(response);
  if (response.status == 404) return {};
  return parse_lifecycle(response.body);
}

void S3Store::set_lifecycle(int days) {
  if (days < 1)
    throw_invalid("storage: days of the lifecycle rule: " + std::to_string(days) +
                  ", expected at least 1");
  auto rules = lifecycle_rules();
  std::erase_if(rules, [&](const LifecycleRule& rule) { return rule.id == lifecycle_id(); });
  rules.push_back(make_expiration_rule(lifecycle_id(), key_prefix(), days));
  write_lifecycle(rules);
}

bool S3Store::remove_lifecycle() {
  auto rules = lifecycle_rules();
  if (std::erase_if(rules, [&](const LifecycleRule& rule) { return rule.id == lifecycle_id(); }) ==
      0) {
    return false;
  }
  write_lifecycle(rules);
  return true;
}

void S3Store::write_lifecycle(const std::vector<LifecycleRule>& rules) {
  S3Request request;
  request.query = {{"lifecycle", ""}};
  if (rules.empty()) {
    request.method = "DELETE";
  } else {
    request.method = "PUT";
    request.body = lifecycle_xml(rules);
    request.headers = {{"Content-Type", "application/xml"},
                       {"Content-MD5", base64(digest(DigestKind::kMd5, request.body))}};
  }
  client_.send(request);
}

}  // namespace echo
