#include "net/sigv4.h"

#include <algorithm>
#include <ctime>

#include "base/ascii.h"
#include "base/digest.h"
#include "net/url.h"

namespace echo {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";

// Without spaces at the ends, and with single ones inside.
std::string canonical_value(std::string_view value) {
  std::string out;
  for (const char c : value) {
    if (c == ' ' && (out.empty() || out.back() == ' ')) continue;
    out += c;
  }
  if (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

// "20130524T000000Z"
std::string amz_time(std::chrono::system_clock::time_point time) {
  const std::time_t seconds =
      std::chrono::system_clock::to_time_t(std::chrono::floor<std::chrono::seconds>(time));
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y%m%dT%H%M%SZ", &parts)};
}

// One signature in the making.
class Signature {
 public:
  Signature(const SigV4Request& request, const SigV4Scope& scope,
            std::chrono::system_clock::time_point time)
      : request_(request), scope_(scope), time_(amz_time(time)), date_(time_.substr(0, 8)) {}

  const std::string& time() const { return time_; }

  std::string credential_scope() const {
    return date_ + "/" + scope_.region + "/" + scope_.service + "/aws4_request";
  }

  // Sets what is signed beside Host; needed before the two below.
  void set_headers(const HttpHeaders& headers) {
    std::vector<std::pair<std::string, std::string>> sorted{{"host", request_.host}};
    for (const HttpHeader& header : headers) {
      sorted.emplace_back(lower(header.name), canonical_value(header.value));
    }
    std::sort(sorted.begin(), sorted.end());
    for (const auto& [name, value] : sorted) {
      canonical_headers_ += name + ":" + value + "\n";
      signed_names_ += (signed_names_.empty() ? "" : ";") + name;
    }
  }

  const std::string& signed_names() const { return signed_names_; }

  std::string compute(const SigV4Keys& keys, const std::string& query) const {
    const std::string canonical = request_.method + "\n" + request_.path + "\n" + query + "\n" +
                                  canonical_headers_ + "\n" + signed_names_ + "\n" +
                                  request_.payload_hash;
    const std::string to_sign = std::string(kAlgorithm) + "\n" + time_ + "\n" + credential_scope() +
                                "\n" + hex(digest(DigestKind::kSha256, canonical));
    std::string key = hmac_sha256("AWS4" + keys.secret_access_key, date_);
    for (const std::string& part : {scope_.region, scope_.service, std::string("aws4_request")}) {
      key = hmac_sha256(key, part);
    }
    return hex(hmac_sha256(key, to_sign));
  }

 private:
  const SigV4Request& request_;
  const SigV4Scope& scope_;
  std::string time_;
  std::string date_;
  std::string canonical_headers_;
  std::string signed_names_;
};

}  // namespace

std::string canonical_query(QueryParameters query) {
  for (auto& [name, value] : query) {
    name = percent_encode(name);
    value = percent_encode(value);
  }
  std::sort(query.begin(), query.end());
  std::string out;
  for (const auto& [name, value] : query) {
    out += (out.empty() ? "" : "&") + name + "=" + value;
  }
  return out;
}

HttpHeaders sign_headers(const SigV4Request& request, const SigV4Keys& keys,
                         const SigV4Scope& scope, std::chrono::system_clock::time_point time) {
  Signature signature(request, scope, time);
  HttpHeaders headers = request.headers;
  headers.push_back({"X-Amz-Date", signature.time()});
  if (scope.service == "s3") headers.push_back({"X-Amz-Content-Sha256", request.payload_hash});
  if (!keys.session_token.empty()) {
    headers.push_back({"X-Amz-Security-Token", keys.session_token});
  }
  signature.set_headers(headers);
  headers.push_back({"Authorization",
                     std::string(kAlgorithm) + " Credential=" + keys.access_key_id + "/" +
                         signature.credential_scope() +
                         ", SignedHeaders=" + signature.signed_names() +
                         ", Signature=" + signature.compute(keys, canonical_query(request.query))});
  return headers;
}

std::string presign_query(const SigV4Request& request, const SigV4Keys& keys,
                          const SigV4Scope& scope, std::chrono::system_clock::time_point time,
                          std::chrono::seconds ttl) {
  Signature signature(request, scope, time);
  signature.set_headers(request.headers);
  QueryParameters query = request.query;
  query.emplace_back("X-Amz-Algorithm", kAlgorithm);
  query.emplace_back("X-Amz-Credential", keys.access_key_id + "/" + signature.credential_scope());
  query.emplace_back("X-Amz-Date", signature.time());
  query.emplace_back("X-Amz-Expires", std::to_string(ttl.count()));
  query.emplace_back("X-Amz-SignedHeaders", signature.signed_names());
  if (!keys.session_token.empty()) query.emplace_back("X-Amz-Security-Token", keys.session_token);
  const std::string value = signature.compute(keys, canonical_query(query));
  query.emplace_back("X-Amz-Signature", value);
  return canonical_query(query);
}

}  // namespace echo
