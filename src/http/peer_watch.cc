#include "http/peer_watch.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>

#include "http/http_session.h"

namespace echo::http {
namespace {

constexpr Milliseconds kPause{250};  // where unread bytes hide the end of a connection
constexpr int kProbeSeconds = 15;    // of a client that has closed its direction

}  // namespace

Arrival arrived(Socket& socket) {
  char byte;
  const auto got = ::recv(socket.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  if (got > 0) return Arrival::kBytes;
  const bool nothing = got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
  return nothing ? Arrival::kNothing : Arrival::kEnd;
}

PeerWatch::PeerWatch(HttpSession& session) : session_(session), timer_(session.strand()) {}

void PeerWatch::look() {
  if (looking_ || gone_.stop_requested()) return;
  looking_ = true;
  session_.socket().async_wait(Socket::wait_read, session_.bound([this](ErrorStatus error) {
                                 looking_ = false;
                                 if (error || !session_.handling()) return;
                                 if (peer_has_closed()) {
                                   on_closed();
                                 } else if (arrived(session_.socket()) == Arrival::kBytes) {
                                   look_later();
                                 } else {
                                   look();
                                 }
                               }));
}

// The next request is here already, and a wait for bytes would end at once.
void PeerWatch::look_later() {
  looking_ = true;
  timer_.expires_after(kPause);
  timer_.async_wait(session_.bound([this](ErrorStatus error) {
    looking_ = false;
    if (!error && session_.handling()) look();
  }));
}

// A client that has closed its direction may wait for the answer, or be gone: then its system says
// so when something is sent to it, and when it is asked once it has forgotten the connection.
void PeerWatch::on_closed() {
  const int on = 1;
  const int socket = session_.socket().native_handle();
  ::setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  ::setsockopt(socket, IPPROTO_TCP, TCP_KEEPIDLE, &kProbeSeconds, sizeof kProbeSeconds);
  ::setsockopt(socket, IPPROTO_TCP, TCP_KEEPINTVL, &kProbeSeconds, sizeof kProbeSeconds);
  gone_.request_stop();
  session_.socket().async_wait(Socket::wait_error, session_.bound([this](ErrorStatus error) {
                                 if (!error) session_.on_lost();
                               }));
  probe();
}

void PeerWatch::probe() {
  const std::string_view bytes = session_.probe();
  if (bytes.empty()) return;
  const auto sent = ::send(session_.socket().native_handle(), bytes.data(), bytes.size(),
                           MSG_DONTWAIT | MSG_NOSIGNAL);
  // Where it does not fit the client has much to read already, and the next write tells. Half of it
  // would spoil the answer.
  if (sent > 0 && static_cast<std::size_t>(sent) < bytes.size()) session_.close();
}

// Also when bytes that were not read yet come before the end.
bool PeerWatch::peer_has_closed() {
  pollfd state{session_.socket().native_handle(), POLLRDHUP, 0};
  return ::poll(&state, 1, 0) > 0;
}

void PeerWatch::pause() {
  ErrorStatus ignored;
  session_.socket().cancel(ignored);
  timer_.cancel();
}

void PeerWatch::end() {
  timer_.cancel();
  gone_.request_stop();
  lost_.request_stop();
}

}  // namespace echo::http
