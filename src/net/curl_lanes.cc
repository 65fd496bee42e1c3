#include "net/curl_lanes.h"

#include <sys/socket.h>

#include <algorithm>

#include "base/error.h"

namespace echo {

CurlLane::CurlLane() : multi(curl_multi_init()), easy(curl_easy_init()) {
  if (multi == nullptr || easy == nullptr) {
    curl_easy_cleanup(easy);
    curl_multi_cleanup(multi);
    throw_internal("libcurl: cannot make a transfer handle");
  }
}

CurlLane::~CurlLane() {
  curl_easy_cleanup(easy);
  curl_multi_cleanup(multi);
}

bool CurlLane::half_close() const {
  return !sockets.empty() && std::all_of(sockets.begin(), sockets.end(), [](curl_socket_t socket) {
    return ::shutdown(socket, SHUT_WR) == 0;
  });
}

std::unique_ptr<CurlLane> CurlLanePool::take(const std::string& peer) {
  std::vector<std::unique_ptr<CurlLane>> stale;  // closed after the lock is gone
  {
    std::scoped_lock lock(mutex_);
    const auto oldest = std::chrono::steady_clock::now() - max_idle_;
    const auto fresh = std::find_if(idle_.begin(), idle_.end(),
                                    [&](const auto& lane) { return lane->idle_since >= oldest; });
    stale.assign(std::make_move_iterator(idle_.begin()), std::make_move_iterator(fresh));
    idle_.erase(idle_.begin(), fresh);
    const auto found = std::find_if(idle_.rbegin(), idle_.rend(),
                                    [&](const auto& lane) { return lane->peer == peer; });
    if (found != idle_.rend()) {
      auto lane = std::move(*found);
      idle_.erase(std::next(found).base());
      return lane;
    }
  }
  auto lane = std::make_unique<CurlLane>();
  lane->peer = peer;
  return lane;
}

void CurlLanePool::give_back(std::unique_ptr<CurlLane> lane) {
  std::unique_ptr<CurlLane> surplus;
  lane->idle_since = std::chrono::steady_clock::now();
  std::scoped_lock lock(mutex_);
  idle_.push_back(std::move(lane));
  if (idle_.size() > kMaxIdleLanes) {
    surplus = std::move(idle_.front());
    idle_.erase(idle_.begin());
  }
}

}  // namespace echo
