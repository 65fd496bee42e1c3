// One connection of the HTTP server: reads a request, has it handled, and answers it with its
// ResponseWriter.
#pragma once

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "http/body_pace.h"
#include "http/peer_watch.h"
#include "http/response_writer.h"
#include "http/server_impl.h"

namespace echo::http {

namespace beast = boost::beast::http;

// All its functions but send_later() and post() run on its strand.
class HttpSession : public std::enable_shared_from_this<HttpSession> {
 public:
  HttpSession(Socket socket, std::shared_ptr<HttpServer::Impl> server, bool over_limit);
  ~HttpSession();

  const Strand& strand() const { return strand_; }
  bool over_limit() const { return over_limit_; }
  void start() { wait_for_request(); }
  void begin_drain() { close_if_idle(); }
  void close_if_idle() {
    if (phase_ == Phase::kIdle) close();
  }
  void close();

  // ---- for its parts

  // A completion handler that keeps the session alive, and is not called once it is closed.
  template <typename Function>
  auto bound(Function function) {
    return [self = shared_from_this(), function](auto... arguments) mutable {
      if (!self->closed_) function(arguments...);
    };
  }
  // Calls it on the strand unless the session is closed by then. Any thread.
  void post(std::function<void()> work);
  Socket& socket() { return socket_; }
  bool handling() const { return phase_ == Phase::kHandling; }
  void respond(Response response);
  void begin_write() { begin_write(server_->options.write_timeout); }
  void begin_write(Milliseconds limit) { enter(Phase::kWriting, limit); }
  // ResponseWriter::on_silence() is called after `silence`; 0: never.
  void wait_for_producer(Milliseconds silence);
  void on_response_sent();
  void on_lost();
  // Bytes that may be sent to see whether the client is there; empty: there are none.
  std::string_view probe() { return version_1_1_ ? writer_.probe() : std::string_view(); }

 private:
  enum class Phase { kIdle, kHead, kBody, kHandling, kWriting, kLingering };
  using Parser = beast::request_parser<beast::string_body>;

  void enter(Phase phase, Milliseconds limit);
  void on_timer();
  void wait_for_request();
  void wait_for_bytes();
  void read_head();
  void on_head(ErrorStatus error);
  void begin_body();
  void read_body();
  void on_body(ErrorStatus error);
  void on_read_error(ErrorStatus error);
  void send_later(Response response);
  void refuse(int status, std::string_view text);
  void linger();
  void release();
  void report(int status);

  Strand strand_;
  Socket socket_;
  asio::steady_timer timer_;
  std::shared_ptr<HttpServer::Impl> server_;
  const bool over_limit_;
  PeerWatch watch_;
  ResponseWriter writer_;
  boost::beast::flat_buffer buffer_;
  std::optional<Parser> parser_;
  Phase phase_ = Phase::kIdle;
  bool closed_ = false;
  bool timed_out_ = false;
  std::size_t reserved_ = 0;
  std::size_t lingered_ = 0;
  std::string dropped_;  // what a client sends that will not be answered

  // The request at hand.
  Request request_;
  std::string method_;
  Admission admission_;
  std::optional<BodyPace> pace_;  // of its body
  std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
  bool keep_alive_ = false;
  bool version_1_1_ = true;
  bool admitted_ = false;
};

}  // namespace echo::http
