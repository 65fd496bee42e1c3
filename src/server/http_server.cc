#include "server/http_server.h"

#include <sys/socket.h>

#include <atomic>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <condition_variable>
#include <cstdio>
#include <ctime>
#include <limits>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "server/answers.h"

namespace echo::server {

class HttpSession;

namespace asio = boost::asio;
namespace http = boost::beast::http;
using tcp = asio::ip::tcp;
using ErrorStatus = boost::system::error_code;
using Milliseconds = std::chrono::milliseconds;
using Strand = asio::strand<asio::io_context::executor_type>;
using Socket = asio::basic_stream_socket<tcp, Strand>;

namespace {

// Connections over the limit that still get their 503; beyond these they are just closed.
constexpr std::size_t kRefusedConnections = 64;
constexpr std::size_t kLingerBytes = std::size_t{32} << 20;
constexpr Milliseconds kAcceptPause{100};  // when descriptors have run out

std::string http_date() {
  const std::time_t now = std::time(nullptr);
  std::tm fields{};
  ::gmtime_r(&now, &fields);
  char text[64];
  std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &fields);
  return text;
}

// Boost's string view has changed its type between versions.
template <typename View>
std::string text(const View& view) {
  return {view.data(), view.size()};
}

void add_header(std::string& head, std::string_view name, std::string_view value) {
  head.append(name).append(": ");
  for (const char c : value) head += c == '\r' || c == '\n' ? ' ' : c;
  head += "\r\n";
}

// The path and query of a request's target, which proxies may give as a whole address.
bool split_target(std::string_view target, Request* request) {
  if (const auto scheme = target.find("://"); !target.starts_with('/') && scheme < 6) {
    const auto path = target.find('/', scheme + 3);
    target = path == std::string_view::npos ? "/" : target.substr(path);
  }
  if (!target.starts_with('/')) return false;
  const auto question = std::min(target.find('?'), target.size());
  request->path = target.substr(0, question);
  request->query = target.substr(std::min(question + 1, target.size()));
  return true;
}

}  // namespace

struct Reply::State {
  std::function<void(Response)> sink;
  std::atomic<bool> sent{false};

  ~State() {
    if (!sent) sink(error_response(500, "internal: the request was not answered"));
  }
};

Reply::Reply(std::function<void(Response)> sink) : state_(std::make_shared<State>()) {
  state_->sink = std::move(sink);
}

void Reply::send(Response response) const {
  if (!state_->sent.exchange(true)) state_->sink(std::move(response));
}

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
  std::size_t refused = 0;  // of the sessions: those over the limit
  bool stopped = false;
};

// One connection. All its functions but send_later() run on its strand.
class HttpSession : public std::enable_shared_from_this<HttpSession> {
 public:
  HttpSession(Socket socket, std::shared_ptr<HttpServer::Impl> server, bool over_limit)
      : strand_(socket.get_executor()),
        socket_(std::move(socket)),
        timer_(strand_),
        server_(std::move(server)),
        over_limit_(over_limit),
        buffer_(server_->options.max_header_bytes + (64 << 10)) {}
  ~HttpSession() {
    release();
    server_->remove(this);
  }

  const Strand& strand() const { return strand_; }
  bool over_limit() const { return over_limit_; }
  void start() {
    if (over_limit_) {
      refuse(503, "server_busy: too many connections");
    } else {
      wait_for_request();
    }
  }
  void begin_drain() {
    if (phase_ == Phase::kIdle) close();
  }
  void close();

 private:
  enum class Phase { kIdle, kHead, kBody, kHandling, kWriting, kLingering };
  using Parser = http::request_parser<http::string_body>;

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
  void read_head();
  void on_head(ErrorStatus error);
  void read_body();
  void on_body(ErrorStatus error);
  void on_read_error(ErrorStatus error);
  void watch();
  void send_later(Response response);
  void refuse(int status, std::string_view text);
  void respond(Response response);
  void write_next();
  void take_piece(std::optional<std::string> piece);
  void write(std::string_view body);
  void on_written();
  void finish_response();
  void linger();
  void release();
  void report(int status);

  Strand strand_;
  Socket socket_;
  asio::steady_timer timer_;
  std::shared_ptr<HttpServer::Impl> server_;
  const bool over_limit_;
  boost::beast::flat_buffer buffer_;
  std::optional<Parser> parser_;
  Phase phase_ = Phase::kIdle;
  bool closed_ = false;
  bool timed_out_ = false;
  std::stop_source gone_;
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
  std::uint64_t offset_ = 0;  // bytes of the body that were written
  bool answering_ = false;
  bool has_body_ = true;
  bool chunked_ = false;
  bool last_piece_ = false;
};

HttpServer::Impl::Impl(const HttpServerOptions& given, HttpService& its_service)
    : options(given),
      service(its_service),
      context(given.threads),
      work(context.get_executor()),
      accept_strand(context.get_executor()),
      acceptor(accept_strand),
      accept_pause(context) {}

void HttpServer::Impl::listen() {
  const std::string where = options.host + ":" + std::to_string(options.port);
  if (options.port < 0 || options.port > 65535) {
    throw_invalid("cannot listen on " + where + ": the port must be from 0 to 65535");
  }
  ErrorStatus error;
  tcp::resolver resolver(context);
  const auto found =
      resolver.resolve(options.host, std::to_string(options.port),
                       tcp::resolver::passive | tcp::resolver::numeric_service, error);
  if (error || found.empty()) {
    throw_invalid("cannot listen on " + where + ": no such address");
  }
  // A name with several addresses means the IPv4 one, as the default address is.
  tcp::endpoint endpoint = *found.begin();
  for (const auto& one : found) {
    if (one.endpoint().address().is_v4()) {
      endpoint = one.endpoint();
      break;
    }
  }
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) throw_unavailable("cannot listen on " + where + ": " + error.message());
  port = acceptor.local_endpoint().port();
}

void HttpServer::Impl::accept() {
  // Each connection has a strand of its own.
  auto socket = std::make_shared<Socket>(Strand(context.get_executor()));
  acceptor.async_accept(*socket, [this, socket](ErrorStatus error) {
    if (!acceptor.is_open()) return;
    if (error) {
      accept_pause.expires_after(kAcceptPause);
      accept_pause.async_wait(asio::bind_executor(accept_strand, [this](ErrorStatus stopped_wait) {
        if (!stopped_wait && acceptor.is_open()) accept();
      }));
      return;
    }
    ErrorStatus ignored;
    socket->set_option(tcp::no_delay(true), ignored);
    std::shared_ptr<HttpSession> session;
    bool over_limit = false;
    {
      const std::lock_guard lock(mutex);
      if (stopped) return;
      over_limit = sessions.size() - refused >= options.max_connections;
      if (!over_limit || refused < kRefusedConnections) {
        session = std::make_shared<HttpSession>(std::move(*socket), shared_from_this(), over_limit);
        sessions.emplace(session.get(), session);
        if (over_limit) ++refused;
      }
    }
    if (session) {
      asio::post(session->strand(), [session] { session->start(); });
    }
    accept();
  });
}

void HttpServer::Impl::remove(HttpSession* session) {
  const std::lock_guard lock(mutex);
  if (session->over_limit()) --refused;
  sessions.erase(session);
  if (sessions.empty()) changed.notify_all();
}

void HttpServer::Impl::post(const Strand& strand, std::function<void()> work_item) {
  const std::lock_guard lock(mutex);
  if (!stopped) asio::post(strand, std::move(work_item));
}

void HttpServer::Impl::close_acceptor() {
  asio::post(accept_strand, [this] {
    ErrorStatus ignored;
    acceptor.close(ignored);
    accept_pause.cancel();
  });
}

// Each on its own strand, later.
void HttpServer::Impl::for_each_session(const std::function<void(HttpSession&)>& work_item) {
  std::vector<std::shared_ptr<HttpSession>> all;
  {
    const std::lock_guard lock(mutex);
    for (const auto& [address, session] : sessions) {
      if (auto alive = session.lock()) all.push_back(std::move(alive));
    }
  }
  for (const auto& session : all) {
    asio::post(session->strand(), [session, work_item] { work_item(*session); });
  }
}

bool HttpServer::Impl::reserve(std::size_t bytes) {
  if (buffered.fetch_add(bytes) + bytes <= options.max_buffered_bytes) return true;
  buffered -= bytes;
  return false;
}

void HttpSession::close() {
  if (closed_) return;
  closed_ = true;
  if (answering_) report(0);
  ErrorStatus ignored;
  timer_.cancel();
  socket_.close(ignored);
  release();
  response_ = {};
  gone_.request_stop();
}

void HttpSession::release() { server_->buffered -= std::exchange(reserved_, 0); }

void HttpSession::enter(Phase phase, Milliseconds limit) {
  phase_ = phase;
  timed_out_ = false;
  timer_.expires_after(limit);
  timer_.async_wait([self = shared_from_this()](ErrorStatus error) {
    // A timer that was set anew meanwhile has a later end.
    if (!error && !self->closed_ && self->timer_.expiry() <= std::chrono::steady_clock::now()) {
      self->on_timer();
    }
  });
}

void HttpSession::on_timer() {
  if (phase_ == Phase::kHead || phase_ == Phase::kBody) {
    timed_out_ = true;  // the read that is cancelled answers
    socket_.cancel();
  } else if (phase_ != Phase::kHandling) {
    close();
  }
}

void HttpSession::wait_for_request() {
  if (server_->draining) return close();
  parser_.emplace();
  parser_->header_limit(static_cast<std::uint32_t>(server_->options.max_header_bytes));
  parser_->body_limit(std::numeric_limits<std::uint64_t>::max());  // until the head is known
  request_ = {};
  method_.clear();
  admission_ = {};
  admitted_ = false;
  keep_alive_ = false;
  enter(Phase::kIdle, server_->options.idle_timeout);
  if (buffer_.size() > 0) return read_head();
  socket_.async_wait(Socket::wait_read, bound([this](ErrorStatus error) {
                       if (error) return close();
                       read_head();
                     }));
}

void HttpSession::read_head() {
  enter(Phase::kHead, server_->options.header_timeout);
  begun_ = std::chrono::steady_clock::now();
  http::async_read_header(socket_, buffer_, *parser_,
                          bound([this](ErrorStatus error, std::size_t) { on_head(error); }));
}

void HttpSession::on_read_error(ErrorStatus error) {
  if (timed_out_) return refuse(408, "timeout: the request took too long to arrive");
  if (error == http::error::end_of_stream || error == http::error::partial_message) return close();
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    return refuse(431, "header_too_large: at most " +
                           std::to_string(server_->options.max_header_bytes) + " bytes are read");
  }
  if (error == http::error::body_limit) {
    return refuse(413, "payload_too_large: at most " + std::to_string(admission_.body_limit) +
                           " bytes are taken here");
  }
  if (error == http::error::bad_version) return refuse(505, "bad_request: not HTTP/1.1");
  if (error.category() == http::make_error_code(http::error::bad_method).category()) {
    return refuse(400, "bad_request: " + error.message());
  }
  close();
}

void HttpSession::on_head(ErrorStatus error) {
  if (error) return on_read_error(error);
  const auto& message = parser_->get();
  version_1_1_ = message.version() >= 11;
  method_ = text(message.method_string());
  request_.method = method_;
  for (const auto& field : message) {
    request_.headers.push_back({text(field.name_string()), text(field.value())});
  }
  request_.gone = gone_.get_token();
  if (!split_target(text(message.target()), &request_)) {
    return refuse(400, "bad_request: the target is no path");
  }
  try {
    admission_ = server_->service.admit(request_);
  } catch (const std::exception&) {
    return refuse(500, "internal: the request could not be looked at");
  }
  admitted_ = true;
  if (admission_.refusal) {
    keep_alive_ = parser_->is_done() && parser_->keep_alive() && version_1_1_;
    return respond(std::move(*admission_.refusal));
  }

  const auto length = parser_->content_length();
  if (length && *length > admission_.body_limit) return on_read_error(http::error::body_limit);
  const std::uint64_t expected =
      length ? *length : (parser_->chunked() ? admission_.body_limit : 0);
  if (!server_->reserve(expected)) return refuse(503, "server_busy: too much is being uploaded");
  reserved_ = expected;
  parser_->body_limit(admission_.body_limit);
  read_body();
}

void HttpSession::read_body() {
  enter(Phase::kBody, server_->options.body_timeout);
  const auto read = [this] {
    http::async_read(socket_, buffer_, *parser_,
                     bound([this](ErrorStatus error, std::size_t) { on_body(error); }));
  };
  const auto expect = request_.header("Expect");
  if (!expect || !version_1_1_ || parser_->is_done()) return read();
  static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
  asio::async_write(socket_, asio::buffer(kContinue.data(), kContinue.size()),
                    bound([this, read](ErrorStatus error, std::size_t) {
                      if (error) return on_read_error(error);
                      read();
                    }));
}

void HttpSession::on_body(ErrorStatus error) {
  if (error) return on_read_error(error);
  keep_alive_ = parser_->keep_alive() && version_1_1_;
  request_.body = std::move(parser_->get().body());
  phase_ = Phase::kHandling;
  timer_.cancel();
  Reply reply(
      [self = shared_from_this()](Response response) { self->send_later(std::move(response)); });
  watch();
  try {
    server_->service.handle(std::move(request_), reply);
  } catch (const std::exception&) {
    reply.send(error_response(500, "internal: the request could not be handled"));
  }
  release();
}

// Finds out that the client closes the connection while its answer is being made.
void HttpSession::watch() {
  if (buffer_.size() > 0) return;  // the next request is here already
  socket_.async_wait(
      Socket::wait_read, bound([this](ErrorStatus error) {
        if (error) return;
        char byte;
        const auto got = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
        if (got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) {
          gone_.request_stop();
        }
      }));
}

void HttpSession::send_later(Response response) {
  auto shared = std::make_shared<Response>(std::move(response));
  server_->post(strand_, [self = shared_from_this(), shared] {
    if (!self->closed_) self->respond(std::move(*shared));
  });
}

void HttpSession::refuse(int status, std::string_view text) {
  keep_alive_ = false;
  respond(error_response(status, text));
}

void HttpSession::respond(Response response) {
  response_ = std::move(response);
  const int status = response_.status;
  if (server_->draining) keep_alive_ = false;
  const bool empty = status == 204 || status == 304 || (status >= 100 && status < 200);
  std::optional<std::uint64_t> length = response_.length;
  if (!response_.producer) length = response_.body.size();
  chunked_ = !length && version_1_1_;
  if (!length && !version_1_1_) keep_alive_ = false;

  head_ = "HTTP/1.1 " + std::to_string(status) + " " + std::string(reason_phrase(status)) + "\r\n";
  for (const HttpHeader& header : response_.headers) add_header(head_, header.name, header.value);
  add_header(head_, "Date", http_date());
  if (!empty) {
    if (length) add_header(head_, "Content-Length", std::to_string(*length));
    if (chunked_) add_header(head_, "Transfer-Encoding", "chunked");
  }
  if (!keep_alive_) add_header(head_, "Connection", "close");
  head_ += "\r\n";
  response_.length = length;
  has_body_ = method_ != "HEAD" && !empty;
  offset_ = 0;
  last_piece_ = false;
  answering_ = true;
  write_next();
}

void HttpSession::write_next() {
  if (!has_body_) {
    last_piece_ = true;
    return write({});
  }
  if (!response_.producer) {
    const std::string_view rest = std::string_view(response_.body).substr(offset_);
    last_piece_ = rest.size() <= kWritePiece;
    return write(rest.substr(0, kWritePiece));
  }
  const auto ready = [self = shared_from_this()](std::optional<std::string> piece) {
    auto shared = std::make_shared<std::optional<std::string>>(std::move(piece));
    self->server_->post(self->strand_, [self, shared] {
      if (!self->closed_) self->take_piece(std::move(*shared));
    });
  };
  // The head goes out before the first piece is there.
  if (!head_.empty() && !response_.length) return write({});
  // A live source may be silent for long: only a write is limited in time.
  phase_ = Phase::kHandling;
  timer_.cancel();
  try {
    response_.producer->next(ready);
  } catch (const std::exception&) {
    close();
  }
}

void HttpSession::take_piece(std::optional<std::string> piece) {
  if (!piece) return close();
  last_piece_ = piece->empty();
  if (response_.length) {
    const std::uint64_t rest = *response_.length - offset_;
    if (piece->size() > rest || (piece->empty() && rest > 0)) return close();
    last_piece_ = piece->size() == rest;
  }
  piece_ = std::move(*piece);
  write(piece_);
}

void HttpSession::write(std::string_view body) {
  enter(Phase::kWriting, server_->options.write_timeout);
  offset_ += body.size();
  std::vector<asio::const_buffer> buffers{asio::buffer(head_)};
  prefix_.clear();
  std::string_view suffix;
  if (chunked_ && has_body_) {
    if (!body.empty()) {
      char size[20];
      std::snprintf(size, sizeof size, "%zx\r\n", body.size());
      prefix_ = size;
      suffix = "\r\n";
    } else if (last_piece_) {
      suffix = "0\r\n\r\n";
    }
  }
  buffers.push_back(asio::buffer(prefix_));
  buffers.push_back(asio::buffer(body.data(), body.size()));
  buffers.push_back(asio::buffer(suffix.data(), suffix.size()));
  asio::async_write(socket_, buffers, bound([this](ErrorStatus error, std::size_t) {
                      if (error) return close();
                      on_written();
                    }));
}

void HttpSession::on_written() {
  head_.clear();
  if (last_piece_) return finish_response();
  write_next();
}

void HttpSession::finish_response() {
  report(response_.status);
  response_ = {};
  piece_.clear();
  phase_ = Phase::kIdle;
  ErrorStatus ignored;
  socket_.cancel(ignored);  // the watch
  if (keep_alive_ && !gone_.stop_requested()) return wait_for_request();
  linger();
}

// Closing with unread bytes would reset the connection, and the client might lose the answer.
void HttpSession::linger() {
  ErrorStatus error;
  socket_.shutdown(tcp::socket::shutdown_send, error);
  if (error) return close();
  if (phase_ != Phase::kLingering) {
    enter(Phase::kLingering, server_->options.linger_timeout);
  }
  buffer_.clear();
  piece_.resize(64 << 10);
  socket_.async_read_some(asio::buffer(piece_), bound([this](ErrorStatus failed, std::size_t got) {
                            lingered_ += got;
                            if (failed || lingered_ > kLingerBytes) return close();
                            linger();
                          }));
}

void HttpSession::report(int status) {
  answering_ = false;
  const auto time = std::chrono::steady_clock::now() - begun_;
  try {
    server_->service.answered(admitted_ ? admission_.label : "", method_, status, time);
  } catch (const std::exception&) {
    // Counting must not disturb the connection.
  }
}

HttpServer::HttpServer(const HttpServerOptions& options, HttpService& service)
    : impl_(std::make_shared<Impl>(options, service)) {
  impl_->listen();
  asio::post(impl_->accept_strand, [impl = impl_.get()] { impl->accept(); });
  for (int i = 0; i < options.threads; ++i) {
    impl_->threads.emplace_back([impl = impl_.get()] { impl->context.run(); });
  }
}

HttpServer::~HttpServer() { stop(); }

int HttpServer::port() const { return impl_->port; }

std::size_t HttpServer::connections() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->sessions.size();
}

void HttpServer::drain(Milliseconds patience) {
  impl_->draining = true;
  impl_->close_acceptor();
  impl_->for_each_session([](HttpSession& session) { session.begin_drain(); });
  {
    std::unique_lock lock(impl_->mutex);
    impl_->changed.wait_for(lock, patience, [this] { return impl_->sessions.empty(); });
  }
  stop();
}

void HttpServer::stop() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->stopped = true;
  }
  impl_->close_acceptor();
  impl_->for_each_session([](HttpSession& session) { session.close(); });
  impl_->work.reset();
  for (std::thread& thread : impl_->threads) thread.join();
  impl_->threads.clear();
}

std::string_view reason_phrase(int status) {
  const auto phrase = http::obsolete_reason(static_cast<http::status>(status));
  return {phrase.data(), phrase.size()};
}

}  // namespace echo::server
