// An HTTP/1.1 server: a few threads for any number of connections, limits on everything that a
// client can do, and answers that may come later from any thread.
//
//   class Clock final : public HttpService {
//     Admission admit(const Request&) override { return {std::nullopt, /*body_limit=*/0, "clock"}; }
//     void handle(Request, Reply reply) override { reply.send({200, {}, "It is noon."}); }
//   } service;
//   HttpServer server({.port = 8080}, service);  // clients can connect from here on
//   server.serve();                              // and are answered from here on
//   ...
//   server.drain(std::chrono::seconds(5));       // those at hand are answered, then it stops
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "http/body_pace.h"
#include "net/http_client.h"

namespace echo::http {

struct Request {
  std::string method;  // "GET"
  std::string path;    // as it came, still percent-encoded; begins with '/'
  std::string query;   // what follows the first '?'
  HttpHeaders headers;
  std::string body;
  std::string id;  // as Admission::request_id
  std::stop_token gone;  // requested when the client closes the connection, or its direction of it
  // Requested when nobody can be there any more who reads the answer. A client that closed its own
  // direction alone still waits for one; which it is shows when something is sent: peer_watch.h.
  std::stop_token lost;

  std::optional<std::string_view> header(std::string_view name) const {
    return find_header(headers, name);
  }
};

struct Response;

// A body that is made or read while it is sent.
class BodyProducer {
 public:
  // A piece; empty: the end; nothing: it cannot be completed, so the connection breaks off.
  using Ready = std::function<void(std::optional<std::string> piece)>;

  virtual ~BodyProducer() = default;  // also when the client went away in between
  // Asks for the next piece. `ready` is called once, now or later, from any thread. Must not block.
  // A source that may be silent for long should end when the request's client is gone.
  virtual void next(Ready ready) = 0;

  // Asked once, before the head of an answer that waited for its first piece (Response::head_after)
  // is written: headers that are known only now.
  virtual std::vector<HttpHeader> headers() { return {}; }
  // Asked when next() gave nothing and the head was not written yet: what to answer instead.
  virtual std::optional<Response> failure();
  // Told, on the server's threads, whenever a piece has been taken by the network.
  virtual void sent() {}
};

struct Response {
  int status = 200;
  HttpHeaders headers;  // Content-Length, Transfer-Encoding, Connection and Date are added
  std::string body;
  std::shared_ptr<BodyProducer> producer;  // instead of body
  std::optional<std::uint64_t> length;     // bytes that the producer gives; nothing: unknown

  // What follows is for producers of unknown length.
  // How long the head waits for the first piece, so that a failure before it can still be a status.
  std::chrono::milliseconds head_after{0};
  // Sent each time that the producer has been silent for `idle_interval`; 0: never.
  std::string idle_text = {};
  std::chrono::milliseconds idle_interval{0};
  // The connection breaks off after this time in which the client took not one byte, instead of
  // HttpServerOptions::write_timeout for each piece; 0: it does not.
  std::chrono::milliseconds stall_timeout{0};
};

inline std::optional<Response> BodyProducer::failure() { return std::nullopt; }

// Takes the answer to one request. When the last copy goes without an answer, the client gets 500.
// Threads: any; may outlive the server.
class Reply {
 public:
  explicit Reply(std::function<void(Response)> sink);
  // Sends the answer and returns at once. Later calls have no effect.
  void send(Response response) const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

// What is decided about a request before its body is read.
struct Admission {
  std::optional<Response> refusal;  // answered at once, the body is not read
  std::uint64_t body_limit = 0;     // bytes
  std::string label;                // for answered()
  bool vital = false;  // answered although there are too many connections: a health check
  HttpHeaders headers = {};         // of whatever the answer will be
  std::string request_id = {};      // names the request in logs
};

// Called on the server's own threads, several at a time, so nothing here may block.
class HttpService {
 public:
  virtual ~HttpService() = default;
  virtual Admission admit(const Request& head) = 0;       // before the body is read
  virtual void handle(Request request, Reply reply) = 0;  // what it throws is answered with 500
  // Returns the answer to a request that the server itself refuses: 400, 408, 413, 431, 500, 503,
  // 505. Of the head there is what was understood, perhaps nothing.
  virtual Response refusal(const Request& head, int status, std::string_view text);
  // Told of an answer that was sent or broke off. Requests that admit() never saw have no label.
  virtual void answered(const std::string& label, const std::string& method, int status,
                        std::chrono::duration<double> time) {}
};

struct HttpServerOptions {
  std::string host = "127.0.0.1";  // address or name
  int port = 0;                    // 0: any free one
  int threads = 2;
  // When there are more, the one that has been idle for longest is closed; where none is idle, what
  // is not vital is answered with 503.
  std::size_t max_connections = 256;
  std::size_t max_header_bytes = 16 << 10;
  std::size_t max_buffered_bytes = std::size_t{256} << 20;  // of all bodies being read or sent
  std::chrono::milliseconds idle_timeout{75'000};           // between requests
  std::chrono::milliseconds header_timeout{10'000};
  std::chrono::milliseconds crowded_timeout{2'000};  // for a head, over max_connections
  BodyPaceLimits body_pace{};
  std::chrono::milliseconds write_timeout{30'000};  // for each kWritePiece of an answer
  std::chrono::milliseconds linger_timeout{2'000};  // for a client to read a last answer
};

inline constexpr std::size_t kWritePiece = 256 << 10;  // bytes

class HttpServer {
 public:
  // Listens, so that clients can connect, but answers only after serve(). `service` must outlive
  // the server. Throws kUnavailable when the address cannot be listened on, kInvalidArgument when
  // it is none.
  HttpServer(const HttpServerOptions& options, HttpService& service);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // Answers from now on, on the server's threads; returns at once. Call it once.
  void serve();
  int port() const;                 // that is listened on
  std::size_t connections() const;  // clients that are connected

  // Takes no new connections and requests, waits up to `patience` until those at hand have been
  // answered, then stops.
  void drain(std::chrono::milliseconds patience);
  // Breaks off everything. After this no function of the service is called.
  void stop();

 private:
  class Impl;
  friend class HttpSession;
  std::shared_ptr<Impl> impl_;
};

// Returns "Not Found" for 404; empty for a status without a usual phrase.
std::string_view reason_phrase(int status);

}  // namespace echo::http
