// Kept connections: a lane is one libcurl transfer handle with the connections it made.
#pragma once

#include <curl/curl.h>

#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace echo {

// Runs one transfer at a time.
struct CurlLane {
  CurlLane();
  ~CurlLane();
  CurlLane(const CurlLane&) = delete;
  CurlLane& operator=(const CurlLane&) = delete;

  CURLM* multi = nullptr;
  CURL* easy = nullptr;
  std::string peer;                    // whom it talks to
  std::vector<curl_socket_t> sockets;  // open ones, all to that peer

  // Tells the peer that nothing more will be sent, and lets it send on. False if there is no
  // connection yet.
  bool half_close() const;
  std::chrono::steady_clock::time_point idle_since;
};

// The idle lanes. Threads: every member may be called from any thread.
class CurlLanePool {
 public:
  explicit CurlLanePool(std::chrono::seconds max_idle) : max_idle_(max_idle) {}

  // The lane that last talked to that peer, or a new one.
  std::unique_ptr<CurlLane> take(const std::string& peer);
  void give_back(std::unique_ptr<CurlLane> lane);

 private:
  static constexpr std::size_t kMaxIdleLanes = 32;

  std::chrono::seconds max_idle_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<CurlLane>> idle_;  // the longest idle first
};

}  // namespace echo
