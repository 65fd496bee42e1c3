// What a bucket's redirect means for signed requests.
#pragma once

#include <optional>
#include <string>

#include "net/http_client.h"
#include "net/s3_options.h"

namespace echo {

struct S3Redirect {
  // To sign and send the request with: where it is the same service that is reached by https.
  std::optional<S3Options> options;
  // The address that the bucket is said to have, for messages; empty: the answer names none.
  std::string address;
};

// Of an answer 301, 307 or 308 to a request for `key` (empty: the bucket itself). A signature holds
// for one host, and whoever gets one may use it for minutes, so nobody else is given one.
S3Redirect read_s3_redirect(const S3Options& options, const std::string& key,
                            const HttpResponse& response);

}  // namespace echo
