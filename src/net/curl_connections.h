// Connections that are kept open between requests.
#pragma once

#include <curl/curl.h>

#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace echo {

// A transfer handle of libcurl with the connections that it made. Runs one transfer at a time.
struct CurlConnection {
  CurlConnection();
  ~CurlConnection();
  CurlConnection(const CurlConnection&) = delete;
  CurlConnection& operator=(const CurlConnection&) = delete;

  CURLM* multi = nullptr;
  CURL* easy = nullptr;
  std::string peer;                    // whom it talks to
  std::vector<curl_socket_t> sockets;  // open ones, all to that peer

  // Tells the peer that nothing more will be sent, and lets it send on. False if there is no
  // connection yet.
  bool half_close() const;
  std::chrono::steady_clock::time_point idle_since;
};

// The idle connections. Threads: every member may be called from any thread.
class CurlConnectionPool {
 public:
  explicit CurlConnectionPool(std::chrono::seconds max_idle) : max_idle_(max_idle) {}

  // The connection that last talked to that peer, or a new one.
  std::unique_ptr<CurlConnection> take(const std::string& peer);
  void give_back(std::unique_ptr<CurlConnection> connection);

 private:
  static constexpr std::size_t kMaxIdle = 32;

  std::chrono::seconds max_idle_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<CurlConnection>> idle_;  // the longest idle first
};

}  // namespace echo
