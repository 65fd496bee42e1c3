// AWS Signature Version 4: requests signed in their headers, and links signed in their query.
// Source: "Authenticating Requests (AWS Signature Version 4)", Amazon S3 API Reference.
#pragma once

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "net/http_client.h"

namespace echo {

struct SigV4Keys {
  std::string access_key_id;
  std::string secret_access_key;
  std::string session_token;  // of temporary keys; may be empty
};

struct SigV4Scope {
  std::string region;
  std::string service = "s3";
};

using QueryParameters = std::vector<std::pair<std::string, std::string>>;  // not yet encoded

// What a signature covers.
struct SigV4Request {
  std::string method = "GET";
  std::string host;  // as in the Host header
  std::string path;  // percent-encoded, as it is sent
  QueryParameters query;
  HttpHeaders headers;                                // signed beside Host
  std::string payload_hash = std::string(kUnsigned);  // hex SHA-256 of the body, or kUnsigned

  static constexpr std::string_view kUnsigned = "UNSIGNED-PAYLOAD";
};

// The parameters sorted and percent-encoded, as they are signed and sent.
std::string canonical_query(QueryParameters query);

// The headers to send: those of the request, then the X-Amz- ones and Authorization.
HttpHeaders sign_headers(const SigV4Request& request, const SigV4Keys& keys,
                         const SigV4Scope& scope, std::chrono::system_clock::time_point time);

// The whole query of a link that stands for the request until `ttl` has passed.
std::string presign_query(const SigV4Request& request, const SigV4Keys& keys,
                          const SigV4Scope& scope, std::chrono::system_clock::time_point time,
                          std::chrono::seconds ttl);

}  // namespace echo
