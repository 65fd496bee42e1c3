// Options for tests against one server.
#pragma once

#include <string>

#include "net/s3_options.h"

namespace echo {

inline S3Options test_s3_options(const std::string& endpoint) {
  S3Options options;
  options.endpoint_url = endpoint;
  options.access_key_id = "AKIDEXAMPLE";
  options.secret_access_key = "canary-secret/key+";
  options.bucket = "tts";
  options.retry.first_delay = std::chrono::milliseconds(1);
  options.retry.max_delay = std::chrono::milliseconds(5);
  return options;
}

}  // namespace echo
