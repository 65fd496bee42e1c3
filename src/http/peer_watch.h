// Finds out that a client goes away while its answer is being made.
#pragma once

#include <stop_token>

#include "http/server_impl.h"

namespace echo::http {

// A part of one session; used on its strand.
class PeerWatch {
 public:
  explicit PeerWatch(HttpSession& session);

  // Looks until the client closes something or pause() is called; may be called again at any time.
  void look();
  // The answer is complete: what the client does is the session's business again.
  void pause();
  // The session has closed the connection.
  void end();

  // Requested when the client has closed the connection, or its direction of it.
  std::stop_source& gone() { return gone_; }
  // Requested when nobody can be there any more who reads the answer.
  std::stop_source& lost() { return lost_; }

 private:
  void look_later();
  void on_closed();
  bool peer_has_closed();
  void probe();

  HttpSession& session_;
  asio::steady_timer timer_;
  bool looking_ = false;
  std::stop_source gone_, lost_;
};

// What a look at a socket finds.
enum class Arrival { kBytes, kNothing, kEnd };
// A wait may end for bytes that were read meanwhile, so it says nothing by itself.
Arrival arrived(Socket& socket);

}  // namespace echo::http
