#include "net/s3_client.h"

#include <curl/curl.h>

#include <algorithm>
#include <cctype>
#include <optional>

#include "base/digest.h"
#include "base/error.h"
#include "net/s3_redirect.h"
#include "net/url.h"
#include "net/xml.h"

namespace echo {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::system_clock;

// Services refuse signatures that are 15 minutes off; less than this is not worth learning.
constexpr seconds kSkew{240};
constexpr std::size_t kMaxMessage = 200;
constexpr std::size_t kMaxRoot = 200;  // bytes of a body that its first element is looked for in
constexpr int kMaxSignedRedirects = 3;

std::string joined(const std::vector<std::string>& lines) {
  std::string out;
  for (const std::string& line : lines) out += (out.empty() ? "" : "; ") + line;
  return out;
}

std::optional<system_clock::time_point> parse_http_date(std::string_view text) {
  const std::time_t time = curl_getdate(std::string(text).c_str(), nullptr);
  if (time < 0) return std::nullopt;
  return system_clock::from_time_t(time);
}

std::string error_code(const HttpResponse& response) {
  return xml_text(response.body, "Code").value_or("");
}

bool is_worth_another_try(const HttpResponse& response) {
  if (is_transient(response)) return true;
  const std::string code = error_code(response);
  return code == "RequestTimeout" || code == "SlowDown" || code == "OperationAborted" ||
         code == "InternalError" || code == "ServiceUnavailable";
}

// Some services begin to answer before they know the end, and say in the body of a 200 that it
// failed; others in the way answer with a page of their own. Objects may be anything, so only what
// answers a change is looked at.
bool is_refusal(const S3Request& request, const HttpResponse& response) {
  if (request.method == "GET" || request.method == "HEAD") return false;
  std::string_view body = response.body;
  const auto skip_space = [&] {
    body.remove_prefix(std::min(body.find_first_not_of(" \t\r\n\xef\xbb\xbf"), body.size()));
  };
  skip_space();
  if (body.starts_with("<?xml")) {
    body.remove_prefix(std::min(body.find('>'), body.size() - 1) + 1);
    skip_space();
  }
  std::string root = xml_without_prefixes(body.substr(0, kMaxRoot));
  std::transform(root.begin(), root.end(), root.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  return root.starts_with("<error") || root.starts_with("<!doctype html") ||
         root.starts_with("<html");
}

bool is_signed_redirect(const HttpResponse& response) {
  return response.error == TransportError::kNone &&
         (response.status == 301 || response.status == 307 || response.status == 308);
}

// What to do about the errors that a wrong setting causes.
std::string hint(const std::string& code, const HttpResponse& response) {
  if (const auto region = response.header("x-amz-bucket-region");
      region && response.status != 404) {
    return " (the bucket is in region " + std::string(*region) + ")";
  }
  if (code == "AuthorizationHeaderMalformed") {
    const auto region = xml_text(response.body, "Region");
    if (region) return " (the bucket is in region " + *region + ")";
  }
  if (code == "NoSuchBucket") return " (the bucket does not exist)";
  if (code == "InvalidAccessKeyId") return " (the access key is unknown to the service)";
  if (code == "SignatureDoesNotMatch") return " (the secret key or the region is wrong)";
  return "";
}

}  // namespace

S3Client::S3Client(const S3Options& options, HttpClient& http, Clock& clock)
    : options_(options),
      keys_{options.access_key_id, options.secret_access_key, options.session_token},
      http_(http),
      clock_(clock) {
  const auto problems = s3_problems(options);
  if (!problems.empty()) throw_invalid("storage: " + joined(problems));
  target_ = options;
}

std::string S3Client::describe() const {
  return "bucket " + options_.bucket + " at " + parse_url(options_.endpoint_url).origin();
}

system_clock::time_point S3Client::service_time() const {
  return clock_.wall_now() + seconds(skew_seconds_.load());
}

std::string S3Client::presigned_get(const std::string& key, seconds ttl) const {
  const S3Options target = this->target();
  const S3Address address = s3_address(target, key);
  SigV4Request signed_request;
  signed_request.host = address.authority;
  signed_request.path = address.path;
  // What Amazon's own clients put into their links.
  signed_request.query = {{"X-Amz-Content-Sha256", std::string(SigV4Request::kUnsigned)},
                          {"x-id", "GetObject"}};
  return address.url(
      presign_query(signed_request, keys_, {s3_region(target)}, service_time(), ttl));
}

HttpResponse S3Client::send(const S3Request& request) {
  Backoff backoff(options_.retry, clock_);
  S3Options target = this->target();
  bool learned = false;
  int redirects = 0;
  while (true) {
    milliseconds timeout = options_.attempt_timeout;
    if (const auto left = backoff.time_left())
      timeout = std::clamp(*left, milliseconds(1), timeout);
    HttpResponse response = send_once(target, request, timeout);
    response.redirects = redirects;
    const bool refused = response.ok() && is_refusal(request, response);
    if (response.ok() && !refused) return response;
    if (is_signed_redirect(response) && redirects < kMaxSignedRedirects) {
      if (auto next = read_s3_redirect(target, request.key, response).options) {
        target = std::move(*next);
        ++redirects;
        if (response.status != 307) {
          const std::scoped_lock lock(mutex_);
          target_ = target;
        }
        continue;
      }
    }
    if (response.status == 404 && response.error == TransportError::kNone &&
        request.missing_is_an_answer) {
      return response;
    }
    if (!learned && learn_time(response)) {
      learned = true;
      continue;
    }
    if (!is_worth_another_try(response)) fail(request, response, backoff.failures() + 1);
    if (!backoff.wait(request.stop, retry_after(response))) {
      if (request.stop.stop_requested()) response.error = TransportError::kCancelled;
      fail(request, response, backoff.failures());
    }
    if (request.method == "PUT" && options_.upload_retried) options_.upload_retried();
  }
}

S3Options S3Client::target() const {
  const std::scoped_lock lock(mutex_);
  return target_;
}

HttpResponse S3Client::send_once(const S3Options& target, const S3Request& request,
                                 milliseconds timeout) {
  const S3Address address = s3_address(target, request.key);
  SigV4Request to_sign;
  to_sign.method = request.method;
  to_sign.host = address.authority;
  to_sign.path = address.path;
  to_sign.query = request.query;
  to_sign.headers = request.headers;
  to_sign.payload_hash = hex(digest(DigestKind::kSha256, request.body));

  HttpRequest http;
  http.method = request.method;
  http.url = address.url(canonical_query(request.query));
  http.headers = sign_headers(to_sign, keys_, {s3_region(target)}, service_time());
  http.body = request.body;
  http.timeouts.connect = options_.connect_timeout;
  http.timeouts.total = timeout;
  http.max_body = request.max_body;
  http.max_redirects = 0;  // the signature holds for one host
  http.accept_compressed = false;
  http.public_hosts_only = options_.public_hosts_only;
  http.stop = request.stop;
  return http_.perform(http);
}

bool S3Client::learn_time(const HttpResponse& response) {
  if (response.error != TransportError::kNone || response.status < 400 || response.status >= 500) {
    return false;
  }
  const auto date = response.header("Date");
  const auto theirs = date ? parse_http_date(*date) : std::nullopt;
  if (!theirs) return false;
  // Services have several codes for this, some plain AccessDenied; the difference decides.
  const auto wrong_by = std::chrono::abs(*theirs - service_time());
  const std::string code = error_code(response);
  const bool says_so = code == "RequestTimeTooSkewed" || code == "RequestInTheFuture";
  if (!says_so && !(response.status == 403 && wrong_by > kSkew)) return false;
  skew_seconds_ = std::chrono::round<seconds>(*theirs - clock_.wall_now()).count();
  return true;
}

// What to set, where a redirect was not followed.
std::string S3Client::address_hint(const S3Request& request, const HttpResponse& response) const {
  const std::string address = read_s3_redirect(target(), request.key, response).address;
  if (address.empty()) return "";
  return " (the answer names " + address +
         " as the bucket's address: set S3_ENDPOINT_URL to it if that is right; requests are "
         "signed anew for hosts of the same service by https only)";
}

std::string S3Client::without_secrets(std::string text) const {
  for (const std::string* secret :
       {&keys_.secret_access_key, &keys_.session_token, &keys_.access_key_id}) {
    if (secret->empty()) continue;
    for (auto at = text.find(*secret); at != std::string::npos; at = text.find(*secret, at)) {
      text.replace(at, secret->size(), "...");
      at += 3;
    }
  }
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  }
  if (text.size() > kMaxMessage) text = text.substr(0, kMaxMessage) + "...";
  return text;
}

void S3Client::fail(const S3Request& request, const HttpResponse& response, int attempts) const {
  std::string text = "storage: " + request.method + " " +
                     (request.key.empty() ? std::string("of the bucket") : request.key) + " in " +
                     describe() + ": ";
  ErrorCode code = ErrorCode::kUnavailable;
  if (response.error == TransportError::kCancelled) {
    throw Error(ErrorCode::kCancelled, text + "cancelled");
  }
  if (response.error != TransportError::kNone) {
    text += std::string(transport_error_name(response.error)) + " (" +
            without_secrets(response.error_text) + ")";
  } else {
    const std::string name = error_code(response);
    const std::string message = xml_text(response.body, "Message").value_or("");
    text += "status " + std::to_string(response.status);
    if (!name.empty()) text += " " + without_secrets(name);
    if (!message.empty()) text += ": " + without_secrets(message);
    text += without_secrets(hint(name, response));
    if (response.ok() && name.empty()) {
      text += " with a web page: does S3_ENDPOINT_URL lead to the S3 API?";
    }
    if (is_redirect(response.status)) text += without_secrets(address_hint(request, response));
    if (response.status == 404) code = ErrorCode::kNotFound;
  }
  if (response.redirects > 0) {
    text += ", from " + parse_url(response.final_url).origin() + " (redirect " +
            std::to_string(response.redirects) + ")";
  }
  if (attempts > 1) text += ", after " + std::to_string(attempts) + " attempts";
  throw Error(code, text);
}

}  // namespace echo
