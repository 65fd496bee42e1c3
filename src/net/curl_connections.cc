#include "net/curl_connections.h"

#include <sys/socket.h>

#include <algorithm>

#include "base/error.h"

namespace echo {

CurlConnection::CurlConnection() : multi(curl_multi_init()), easy(curl_easy_init()) {
  if (multi == nullptr || easy == nullptr) {
    curl_easy_cleanup(easy);
    curl_multi_cleanup(multi);
    throw_internal("libcurl: cannot make a transfer handle");
  }
}

CurlConnection::~CurlConnection() {
  curl_easy_cleanup(easy);
  curl_multi_cleanup(multi);
}

bool CurlConnection::half_close() const {
  return !sockets.empty() && std::all_of(sockets.begin(), sockets.end(), [](curl_socket_t socket) {
    return ::shutdown(socket, SHUT_WR) == 0;
  });
}

std::unique_ptr<CurlConnection> CurlConnectionPool::take(const std::string& peer) {
  std::vector<std::unique_ptr<CurlConnection>> stale;  // closed after the lock is gone
  {
    std::scoped_lock lock(mutex_);
    const auto oldest = std::chrono::steady_clock::now() - max_idle_;
    const auto fresh = std::find_if(idle_.begin(), idle_.end(), [&](const auto& connection) {
      return connection->idle_since >= oldest;
    });
    stale.assign(std::make_move_iterator(idle_.begin()), std::make_move_iterator(fresh));
    idle_.erase(idle_.begin(), fresh);
    const auto found = std::find_if(idle_.rbegin(), idle_.rend(), [&](const auto& connection) {
      return connection->peer == peer;
    });
    if (found != idle_.rend()) {
      auto connection = std::move(*found);
      idle_.erase(std::next(found).base());
      return connection;
    }
  }
  auto connection = std::make_unique<CurlConnection>();
  connection->peer = peer;
  return connection;
}

void CurlConnectionPool::give_back(std::unique_ptr<CurlConnection> connection) {
  std::unique_ptr<CurlConnection> surplus;
  connection->idle_since = std::chrono::steady_clock::now();
  std::scoped_lock lock(mutex_);
  idle_.push_back(std::move(connection));
  if (idle_.size() > kMaxIdle) {
    surplus = std::move(idle_.front());
    idle_.erase(idle_.begin());
  }
}

}  // namespace echo
