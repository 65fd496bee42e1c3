#include "http/request_head.h"

#include <algorithm>
#include <cctype>

namespace echo::http {

bool split_target(std::string_view target, Request* request) {
  if (const auto scheme = target.find("://"); !target.starts_with('/') && scheme < 6) {
    const auto path = target.find('/', scheme + 3);
    target = path == std::string_view::npos ? "/" : target.substr(path);
  }
  if (!target.starts_with('/')) return false;
  const auto question = std::min(target.find('?'), target.size());
  request->path = target.substr(0, question);
  request->query = target.substr(std::min(question + 1, target.size()));
  return true;
}

std::string_view framing_problem(const Request& request, bool version_1_1) {
  int hosts = 0, encodings = 0, lengths = 0;
  for (const HttpHeader& header : request.headers) {
    const auto is = [&](std::string_view name) { return find_header({header}, name).has_value(); };
    hosts += is("Host");
    lengths += is("Content-Length");
    encodings += is("Transfer-Encoding");
  }
  if (hosts > 1) return "more than one Host";
  if (hosts == 0 && version_1_1) return "no Host";
  if (encodings == 0) return lengths > 1 ? "more than one Content-Length" : "";
  if (encodings > 1) return "more than one Transfer-Encoding";
  if (lengths > 0) return "both Transfer-Encoding and Content-Length";
  if (!version_1_1) return "a Transfer-Encoding in HTTP/1.0";
  const std::string_view coding = *request.header("Transfer-Encoding");
  constexpr std::string_view kChunked = "chunked";
  const bool chunked =
      std::equal(coding.begin(), coding.end(), kChunked.begin(), kChunked.end(),
                 [](char a, char b) { return std::tolower(static_cast<unsigned char>(a)) == b; });
  return chunked ? "" : "a Transfer-Encoding that is not chunked";
}

}  // namespace echo::http
