// An HTTPS server on loopback with a certificate of its own making.
#pragma once

#include <atomic>
#include <filesystem>
#include <string>
#include <thread>

namespace echo {

// Answers every request with 200 and "secure", one connection at a time.
class TlsPeer {
 public:
  // The certificate is valid for `host` only and is written to `certificate_file`.
  TlsPeer(const std::string& host, const std::filesystem::path& certificate_file);
  ~TlsPeer();

  int port() const { return port_; }
  int answered() const { return answered_; }

 private:
  void serve();

  void* context_ = nullptr;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<int> answered_{0};
  std::thread thread_;
};

}  // namespace echo
