// One connection of the HTTP server, and what all connections share. Only the server's own files
// include this: it brings the networking library with it.
#pragma once

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/beast/core/buffers_suffix.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <condition_variable>
#include <list>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include "http/http_server.h"

namespace echo::http {

class HttpSession;

namespace asio = boost::asio;
namespace beast = boost::beast::http;
using asio::ip::tcp;
using ErrorStatus = boost::system::error_code;
using Milliseconds = std::chrono::milliseconds;
using Strand = asio::strand<asio::io_context::executor_type>;
using Socket = asio::basic_stream_socket<tcp, Strand>;

// Sessions keep it alive, so that a Reply which comes too late finds an object that refuses.
class HttpServer::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(const HttpServerOptions& options, HttpService& service);

  void listen();
  void accept();
  void close_acceptor();
  void for_each_session(const std::function<void(HttpSession&)>& work_item);
  void remove(HttpSession* session);
  // Runs on the session's strand, unless the server has stopped.
  void post(const Strand& strand, std::function<void()> work);
  bool reserve(std::size_t bytes);
  // Whether there are more connections than there should be.
  bool crowded();
  // What a session tells of itself, so that idle ones can make room for others.
  void set_idle(HttpSession& session, bool idle);

  const HttpServerOptions options;
  HttpService& service;
  asio::io_context context;
  asio::executor_work_guard<asio::io_context::executor_type> work;
  Strand accept_strand;
  asio::basic_socket_acceptor<tcp, Strand> acceptor;
  asio::steady_timer accept_pause;
  int port = 0;
  std::vector<std::thread> threads;
  std::atomic<bool> draining{false};
  std::atomic<std::size_t> buffered{0};

  std::mutex mutex;  // guards what follows
  std::condition_variable changed;
  std::unordered_map<HttpSession*, std::weak_ptr<HttpSession>> sessions;
  std::list<HttpSession*> idle;     // the longest idle first
  std::list<HttpSession*> surplus;  // those over the limit, the oldest first
  bool stopped = false;
};

// One connection. All its functions but send_later() run on its strand.
class HttpSession : public std::enable_shared_from_this<HttpSession> {
 public:
  HttpSession(Socket socket, std::shared_ptr<HttpServer::Impl> server, bool over_limit)
      : strand_(socket.get_executor()),
        socket_(std::move(socket)),
        timer_(strand_),
        watch_timer_(strand_),
        server_(std::move(server)),
        over_limit_(over_limit),
        buffer_(server_->options.max_header_bytes + (64 << 10)) {}
  ~HttpSession() {
    release();
    server_->remove(this);
  }

  const Strand& strand() const { return strand_; }
  bool over_limit() const { return over_limit_; }
  void start() { wait_for_request(); }
  void begin_drain() { close_if_idle(); }
  void close_if_idle() {
    if (phase_ == Phase::kIdle) close();
  }
  void close();

 private:
  enum class Phase { kIdle, kHead, kBody, kHandling, kWriting, kLingering };
  using Parser = beast::request_parser<beast::string_body>;

  // A completion handler that keeps the session alive.
  template <typename Function>
  auto bound(Function function) {
    return [self = shared_from_this(), function](auto... arguments) mutable {
      if (!self->closed_) function(arguments...);
    };
  }

  void enter(Phase phase, Milliseconds limit);
  void on_timer();
  void wait_for_request();
  void wait_for_bytes();
  void read_head();
  void on_head(ErrorStatus error);
  void read_body();
  void on_body(ErrorStatus error);
  void on_read_error(ErrorStatus error);
  std::string_view framing_problem() const;
  void watch();
  void watch_later();
  void watch_for_loss();
  bool peer_has_closed();
  enum class Arrival { kBytes, kNothing, kEnd };
  Arrival arrived();
  void send_later(Response response);
  void refuse(int status, std::string_view text);
  void respond(Response response);
  void make_head();
  void write_next();
  void ask_producer();
  void wait_for_piece();
  void take_piece(std::optional<std::string> piece);
  void write(std::string_view body);
  void write_some();
  void on_written();
  void finish_response();
  void linger();
  void release();
  void report(int status);

  Strand strand_;
  Socket socket_;
  asio::steady_timer timer_;
  asio::steady_timer watch_timer_;
  std::shared_ptr<HttpServer::Impl> server_;
  const bool over_limit_;
  boost::beast::flat_buffer buffer_;
  std::optional<Parser> parser_;
  Phase phase_ = Phase::kIdle;
  bool closed_ = false;
  bool timed_out_ = false;
  bool watching_ = false;
  std::stop_source gone_, lost_;
  std::size_t reserved_ = 0;
  std::size_t lingered_ = 0;

  // The request at hand.
  Request request_;
  std::string method_;
  Admission admission_;
  std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
  bool keep_alive_ = false;
  bool version_1_1_ = true;
  bool admitted_ = false;

  // The answer on its way out.
  Response response_;
  std::string head_, prefix_, piece_;
  boost::beast::buffers_suffix<std::vector<asio::const_buffer>> unwritten_;
  std::uint64_t offset_ = 0;  // bytes of the body that were written
  bool answering_ = false;
  bool has_body_ = true;
  bool chunked_ = false;
  bool last_piece_ = false;
  bool head_made_ = false;
  bool asked_ = false;  // the producer, which has not answered yet
  bool writing_ = false;
  bool piece_written_ = false;  // what is being written came from the producer
  std::optional<std::optional<std::string>> arrived_;  // a piece that came during a write
};

}  // namespace echo::http
