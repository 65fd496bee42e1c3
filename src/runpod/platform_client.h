// Requests to the platform with the headers that it expects.
#pragma once

#include <chrono>
#include <stop_token>
#include <string>
#include <string_view>

#include "net/http_client.h"
#include "runpod/worker_options.h"

namespace echo::runpod {

// Never throws for what a peer does. Threads: any number of calls at once.
class PlatformClient {
 public:
  // `http` must outlive the client.
  PlatformClient(HttpClient& http, const WorkerOptions& options);

  // Waits up to the poll timeout for the platform to say something. A stop request ends the wait
  // only while no byte of an answer has come: an answer may hold a job, and is read to its end.
  HttpResponse poll(const std::string& url, size_t max_body, std::stop_token stop) const;

  // One attempt to post a JSON document about a job.
  HttpResponse post(const std::string& url, std::string_view job_id, const std::string& body,
                    Milliseconds timeout, std::stop_token stop) const;

  // One heartbeat.
  HttpResponse ping(const std::string& url, Milliseconds timeout, std::stop_token stop) const;

 private:
  HttpRequest request(const std::string& url, Milliseconds timeout) const;
  HttpResponse perform(const HttpRequest& request) const;

  HttpClient& http_;
  std::string api_key_;
  std::string user_agent_;
  WorkerTiming timing_;
};

// "HTTP 503 at https://host", "cannot connect at https://host (redirect 1)", ...: for logs and for
// telling one failure from another.
std::string describe(const HttpResponse& response);

// The pause a Retry-After header asks for, in seconds or as a date, at most `cap`; zero without
// one.
Milliseconds retry_after(const HttpResponse& response, Milliseconds cap);

// Whether the content type is JSON, parameters aside.
bool is_json(const HttpResponse& response);

}  // namespace echo::runpod
