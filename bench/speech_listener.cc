#include "bench/speech_listener.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <stdexcept>

#include "base/descriptor.h"

namespace echo {
namespace {

class Connection {
 public:
  explicit Connection(int port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
      throw std::runtime_error("no connection");
    }
    const int on = 1;
    ::setsockopt(socket_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }

  void send(const std::string& bytes) {
    if (::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(bytes.size())) {
      throw std::runtime_error("not sent");
    }
  }
  std::string line() {
    size_t end = 0;
    while ((end = buffer_.find("\r\n")) == std::string::npos) fill();
    std::string text = buffer_.substr(0, end);
    buffer_.erase(0, end + 2);
    return text;
  }
  void skip(size_t bytes) {
    while (buffer_.size() < bytes) fill();
    buffer_.erase(0, bytes);
  }

 private:
  void fill() {
    char bytes[16 << 10];
    const ssize_t got = ::recv(socket_.get(), bytes, sizeof bytes, 0);
    if (got <= 0) throw std::runtime_error("broken off");
    buffer_.append(bytes, static_cast<size_t>(got));
  }

  Descriptor socket_;
  std::string buffer_;
};

}  // namespace

double hear_speech(int port, const std::string& body, const HeardPiece& heard) {
  Connection connection(port);
  const auto asked = std::chrono::steady_clock::now();
  connection.send(
      "POST /v1/audio/speech HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
      "Content-Length: " +
      std::to_string(body.size()) + "\r\n\r\n" + body);
  if (!connection.line().starts_with("HTTP/1.1 200 ")) throw std::runtime_error("refused");
  double first = 0;
  for (std::string line; !(line = connection.line()).empty();) {
    const size_t at = line.starts_with("Server-Timing:") ? line.find("first;dur=") : line.npos;
    if (at != line.npos) first = std::stod(line.substr(at + 10)) / 1000;
  }
  while (const size_t size = std::stoul(connection.line(), nullptr, 16)) {
    connection.skip(size + 2);
    const auto time = std::chrono::steady_clock::now() - asked;
    heard(std::chrono::duration<double>(time).count(), size);
  }
  return first;
}

double quantile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const auto at = static_cast<size_t>(share * static_cast<double>(values.size()));
  return values[std::min(values.size() - 1, at)];
}

}  // namespace echo
