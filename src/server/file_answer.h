// A file as an answer.
#pragma once

#include <string>

#include "base/descriptor.h"
#include "http/http_server.h"

namespace echo::server {

// The whole file, or the one range of bytes that the request asks for (206, or 416 where there is
// none). Nothing where it is no regular file.
std::optional<http::Response> file_answer(const http::Request& request, Descriptor file,
                                          const std::string& content_type);

}  // namespace echo::server
