#include "support/http_peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <stdexcept>

namespace echo {
namespace {

const std::string* find(const PeerHeaders& headers, std::string_view name) {
  for (const auto& [key, value] : headers) {
    if (key.size() == name.size() && strncasecmp(key.data(), name.data(), name.size()) == 0) {
      return &value;
    }
  }
  return nullptr;
}

// Reads whole requests from a socket.
class RequestReader {
 public:
  explicit RequestReader(int socket) : socket_(socket) {}

  bool read(PeerRequest& request) {
    std::size_t end;
    while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
      if (!more()) return false;
    }
    parse_head(request, std::string_view(buffer_).substr(0, end));
    buffer_.erase(0, end + 4);
    const std::string* length = find(request.headers, "Content-Length");
    const std::size_t size = length ? std::stoul(*length) : 0;
    while (buffer_.size() < size) {
      if (!more()) return false;
    }
    request.body = buffer_.substr(0, size);
    buffer_.erase(0, size);
    return true;
  }

 private:
  bool more() {
    char bytes[16384];
    const ssize_t got = ::recv(socket_, bytes, sizeof bytes, 0);
    if (got <= 0) return false;
    buffer_.append(bytes, static_cast<std::size_t>(got));
    return true;
  }

  static void parse_head(PeerRequest& request, std::string_view head) {
    bool first = true;
    while (!head.empty()) {
      const auto end = std::min(head.find("\r\n"), head.size());
      const std::string_view line = head.substr(0, end);
      head.remove_prefix(std::min(end + 2, head.size()));
      if (first) {
        const auto a = line.find(' '), b = line.rfind(' ');
        request.method = std::string(line.substr(0, a));
        request.target = std::string(line.substr(a + 1, b - a - 1));
        first = false;
      } else if (const auto colon = line.find(':'); colon != std::string_view::npos) {
        std::string_view value = line.substr(colon + 1);
        if (value.starts_with(" ")) value.remove_prefix(1);
        request.headers.emplace_back(line.substr(0, colon), value);
      }
    }
  }

  int socket_;
  std::string buffer_;
};

}  // namespace

std::string PeerRequest::header(std::string_view name) const {
  const std::string* value = find(headers, name);
  return value ? *value : std::string();
}

bool PeerRequest::has_header(std::string_view name) const { return find(headers, name) != nullptr; }

HttpPeer::HttpPeer(Handler handler) : handler_(std::move(handler)) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (listener_ < 0 || ::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::listen(listener_, 128) != 0 ||
      ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    throw std::runtime_error("test peer: cannot listen on loopback");
  }
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { accept_loop(); });
}

HttpPeer::~HttpPeer() {
  {
    std::scoped_lock lock(mutex_);
    stopping_ = true;
    for (const int socket : sockets_) ::shutdown(socket, SHUT_RDWR);
  }
  changed_.notify_all();
  ::shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  for (std::thread& thread : threads_) thread.join();
  ::close(listener_);
}

std::string HttpPeer::url(std::string_view target) const {
  return "http://127.0.0.1:" + std::to_string(port_) + std::string(target);
}

std::vector<PeerRequest> HttpPeer::requests() const {
  std::scoped_lock lock(mutex_);
  return requests_;
}

bool HttpPeer::wait_for_requests(std::size_t count) const {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, std::chrono::minutes(2),
                           [&] { return requests_.size() >= count; });
}

void HttpPeer::close_connections() {
  std::scoped_lock lock(mutex_);
  for (const int socket : sockets_) ::shutdown(socket, SHUT_RDWR);
}

void HttpPeer::accept_loop() {
  while (true) {
    const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    std::scoped_lock lock(mutex_);
    if (socket < 0 || stopping_) {
      if (socket >= 0) ::close(socket);
      return;
    }
    const int one = 1;
    ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    const int connection = ++connections_;
    sockets_.push_back(socket);
    threads_.emplace_back([this, socket, connection] { serve(socket, connection); });
  }
}

void HttpPeer::serve(int socket, int connection) {
  RequestReader reader(socket);
  for (int count = 1;; ++count) {
    PeerRequest request;
    request.connection = connection;
    request.on_connection = count;
    if (!reader.read(request)) break;
    {
      std::scoped_lock lock(mutex_);
      requests_.push_back(request);
    }
    changed_.notify_all();
    if (!send_reply(socket, request, handler_(request))) break;
  }
  std::scoped_lock lock(mutex_);
  std::erase(sockets_, socket);
  ::close(socket);
}

bool HttpPeer::send_all(int socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

bool HttpPeer::pause(std::chrono::milliseconds duration) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, duration, [&] { return stopping_; });
  return !stopping_;
}

// Returns whether the connection stays open.
bool HttpPeer::send_reply(int socket, const PeerRequest& request, const PeerReply& reply) {
  const auto end = [&] {
    if (reply.reset) {
      const linger now{1, 0};
      ::setsockopt(socket, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    }
    return false;
  };
  if (reply.delay.count() > 0 && !pause(reply.delay)) return false;
  if (reply.silent) return end();
  if (reply.raw) return send_all(socket, *reply.raw) && !reply.close;

  std::string head = "HTTP/1.1 " + std::to_string(reply.status) + " Scripted\r\n";
  for (const auto& [name, value] : reply.headers) head += name + ": " + value + "\r\n";
  if (!find(reply.headers, "Content-Length") && !find(reply.headers, "Transfer-Encoding") &&
      reply.status != 204) {
    head += "Content-Length: " + std::to_string(reply.body.size()) + "\r\n";
  }
  if (!send_all(socket, head + "\r\n")) return false;
  if (request.method == "HEAD") return reply.close ? end() : true;

  std::string_view body = reply.body;
  if (reply.cut_after) body = body.substr(0, *reply.cut_after);
  while (!body.empty()) {
    const std::size_t size = reply.piece == 0 ? body.size() : std::min(reply.piece, body.size());
    if (!send_all(socket, body.substr(0, size))) return false;
    body.remove_prefix(size);
    if (reply.pause.count() > 0 && !body.empty() && !pause(reply.pause)) return false;
  }
  return reply.cut_after || reply.close ? end() : true;
}

HttpPeer::Handler scripted(std::vector<PeerReply> replies) {
  struct State {
    std::mutex mutex;
    std::vector<PeerReply> replies;
    std::size_t next = 0;
  };
  auto state = std::make_shared<State>();
  state->replies = std::move(replies);
  return [state](const PeerRequest&) {
    std::scoped_lock lock(state->mutex);
    const std::size_t index = std::min(state->next++, state->replies.size() - 1);
    return state->replies.at(index);
  };
}

}  // namespace echo
