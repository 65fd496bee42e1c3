// The JSON bodies of requests about jobs, checked.
#pragma once

#include <optional>
#include <string_view>

#include "server/answers.h"

namespace echo::server {

// A body or what is wrong with it.
struct CheckedBody {
  Json document;  // an object
  std::optional<http::Response> refusal;
};

// As the platform's development server judges it: `input` an object, `webhook` text. 422.
CheckedBody development_body(std::string_view body);

// For /realtime: `id` text, `input` anything. 422.
CheckedBody realtime_body(std::string_view body);

// As the hosted API: `input` anything. 400.
CheckedBody hosted_body(std::string_view body);

}  // namespace echo::server
