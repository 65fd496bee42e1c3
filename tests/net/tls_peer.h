// An HTTPS server on loopback with a certificate of its own making.
#pragma once

#include <atomic>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>

namespace echo {

// Answers every request with 200 and "secure", one connection at a time.
class TlsPeer {
 public:
  // The certificate is valid for `host` only and is written to `certificate_file`. As a proxy it
  // takes a CONNECT first and is the host that is asked for, whichever that is.
  TlsPeer(const std::string& host, const std::filesystem::path& certificate_file,
          bool is_proxy = false);
  ~TlsPeer();

  int port() const { return port_; }
  int answered() const { return answered_; }
  // What the last CONNECT said, with its headers.
  std::string connect_request() const;

 private:
  void serve();
  bool open_tunnel(int socket);

  bool is_proxy_;
  mutable std::mutex mutex_;
  std::string connect_request_;
  void* context_ = nullptr;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<int> answered_{0};
  std::thread thread_;
};

}  // namespace echo
