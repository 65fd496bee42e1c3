// A file as an answer.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/descriptor.h"
#include "http/http_server.h"

namespace echo::server {

// The whole file, or the one range of bytes that the request asks for (206, or 416 where there is
// none). Nothing where it is no regular file.
std::optional<http::Response> file_answer(const http::Request& request, Descriptor file,
                                          const std::string& content_type);

// The body of an answer: so many bytes from the beginning of a file.
std::shared_ptr<http::BodyProducer> file_body(Descriptor file, std::uint64_t bytes);

}  // namespace echo::server
