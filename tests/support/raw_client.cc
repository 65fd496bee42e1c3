#include "support/raw_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>

namespace echo {

RawClient::RawClient(int port) {
  socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  if (::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    ::close(socket_);
    throw std::runtime_error("cannot connect");
  }
  const int on = 1;  // parts are sent as they are given
  ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

RawClient::~RawClient() { ::close(socket_); }

bool RawClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

void RawClient::finish_sending() { ::shutdown(socket_, SHUT_WR); }

void RawClient::end_by_reset() {
  const linger now{1, 0};
  ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

bool RawClient::fill() {
  pollfd ready{socket_, POLLIN, 0};
  if (::poll(&ready, 1, 120'000) <= 0) return false;
  char bytes[65536];
  const ssize_t got = ::recv(socket_, bytes, sizeof bytes, 0);
  if (got <= 0) return false;
  buffer_.append(bytes, static_cast<size_t>(got));
  return true;
}

std::string RawClient::read_until(std::string_view end) {
  size_t found = std::string::npos;
  while (end.empty() || (found = buffer_.find(end)) == std::string::npos) {
    if (!fill()) break;
  }
  const size_t size = found == std::string::npos ? buffer_.size() : found + end.size();
  std::string text = buffer_.substr(0, size);
  buffer_.erase(0, size);
  return text;
}

Answer RawClient::read_answer() {
  std::string head = read_until("\r\n\r\n");
  while (head.starts_with("HTTP/1.1 1")) head = read_until("\r\n\r\n");
  Answer answer;
  if (!head.starts_with("HTTP/1.1 ")) return answer;
  answer.status = std::stoi(head.substr(9));
  for (size_t at = head.find("\r\n") + 2; at + 2 < head.size();) {
    const size_t end = head.find("\r\n", at);
    const size_t colon = head.find(": ", at);
    answer.headers.push_back(
        {head.substr(at, colon - at), head.substr(colon + 2, end - colon - 2)});
    at = end + 2;
  }
  const std::string length = answer.header("Content-Length");
  const size_t size = length.empty() ? 0 : std::stoul(length);
  while (buffer_.size() < size && fill()) {
  }
  answer.body = buffer_.substr(0, size);
  buffer_.erase(0, size);
  return answer;
}

bool RawClient::closed_by_server(std::chrono::milliseconds patience) {
  pollfd ready{socket_, POLLIN, 0};
  if (::poll(&ready, 1, static_cast<int>(patience.count())) <= 0) return false;
  char byte;
  return ::recv(socket_, &byte, 1, MSG_PEEK) <= 0;
}

}  // namespace echo
