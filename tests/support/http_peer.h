// A scripted HTTP/1.1 server on a real loopback socket, for every fault a peer can have.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace echo {

using PeerHeaders = std::vector<std::pair<std::string, std::string>>;

struct PeerRequest {
  std::string method;
  std::string target;  // as it came
  PeerHeaders headers;
  std::string body;
  int connection = 0;     // counts accepted connections from 1
  int on_connection = 0;  // counts requests on that connection from 1

  // Empty if there is no such header.
  std::string header(std::string_view name) const;
  bool has_header(std::string_view name) const;
  std::string path() const { return target.substr(0, target.find('?')); }
};

struct PeerReply {
  int status = 200;
  PeerHeaders headers = {};  // Content-Length is added unless it is here
  std::string body = {};
  std::chrono::milliseconds delay{0};         // before the first byte
  std::size_t piece = 0;                      // bytes sent at once; 0: everything
  std::chrono::milliseconds pause{0};         // between pieces
  std::optional<std::size_t> cut_after = {};  // closes after so many bytes of the body
  bool silent = false;                        // closes without a byte
  bool reset = false;                         // closes with RST instead of FIN
  bool close = false;                         // closes after the answer, without having said so
  std::optional<std::string> raw = {};        // sent instead of all that
};

// Threads: the handler is called on one thread per connection, so it must lock what it shares.
class HttpPeer {
 public:
  using Handler = std::function<PeerReply(const PeerRequest&)>;

  explicit HttpPeer(Handler handler);
  ~HttpPeer();  // closes every connection, also those in a delay
  HttpPeer(const HttpPeer&) = delete;
  HttpPeer& operator=(const HttpPeer&) = delete;

  int port() const { return port_; }
  std::string url(std::string_view target = "") const;

  // What came so far, in the order in which the requests were complete.
  std::vector<PeerRequest> requests() const;
  int connections() const { return connections_; }

  // Waits until so many requests came; false after two minutes.
  bool wait_for_requests(std::size_t count) const;

  // Closes the connections that are open now, as a peer does with idle ones.
  void close_connections();

 private:
  void accept_loop();
  void serve(int socket, int connection);
  bool send_all(int socket, std::string_view bytes);
  bool send_reply(int socket, const PeerRequest& request, const PeerReply& reply);
  bool pause(std::chrono::milliseconds duration);

  Handler handler_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<int> connections_{0};
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  bool stopping_ = false;
  std::vector<PeerRequest> requests_;
  std::vector<int> sockets_;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

// Answers with the replies in their order, then with the last one for ever.
HttpPeer::Handler scripted(std::vector<PeerReply> replies);

}  // namespace echo
