// One large body over many requests: in parallel ranges, resumed after every fault, handed on in
// order.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/retry.h"
#include "net/http_client.h"

namespace echo {

struct Download {
  HttpRequest request;      // a GET without Range, sink and stop; everything else is used as it is
  std::uint64_t begin = 0;  // the first byte that is wanted
  std::optional<std::uint64_t> size;  // of the whole body, if known
  std::string etag;                   // for If-Range; empty: the first answer's own

  int connections = 8;
  std::uint64_t chunk_bytes = std::uint64_t{8} << 20;  // one connection's share at a time
  RetryPolicy retry;  // for each run of attempts that bring nothing
  std::stop_token stop;

  // Takes the bytes in order, on the caller's thread.
  std::function<void(std::string_view)> write;
  // The body begins anew: the peer has no ranges, or the body is another one now. What was written
  // (and what lies before `begin`) counts no longer.
  std::function<void()> restart;
  // Throws the error for an answer that no attempt mends.
  std::function<void(const HttpResponse&)> fail;
};

// Returns how long the whole body is. Memory: up to 2 * connections * chunk_bytes. A body of
// another length than `size` goes to fail, as every answer but 200 and 206 that is not worth
// another attempt; throws kCancelled when stop is requested, and whatever the three functions
// throw.
std::uint64_t run_download(HttpClient& http, Clock& clock, const Download& download);

}  // namespace echo
