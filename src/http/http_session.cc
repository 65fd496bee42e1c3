#include "http/http_session.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <algorithm>

#include <boost/asio/write.hpp>
#include <boost/beast/core/buffer_traits.hpp>
#include <boost/beast/http/read.hpp>
#include <cctype>
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <limits>
#include <utility>

#include "http/responses.h"

namespace echo::http {
namespace {

constexpr std::size_t kLingerBytes = std::size_t{32} << 20;
constexpr std::size_t kSmallAnswer = 64 << 10;  // bytes; larger ones are counted as bodies are
constexpr Milliseconds kWatchPause{250};        // where unread bytes hide the end of a connection
constexpr int kProbeSeconds = 15;               // of a client that has closed its direction

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

void HttpSession::close() {
  if (closed_) return;
  closed_ = true;
  if (answering_) report(0);
  ErrorStatus ignored;
  timer_.cancel();
  watch_timer_.cancel();
  socket_.close(ignored);
  release();
  response_ = {};
  gone_.request_stop();
  lost_.request_stop();
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
  } else if (!asked_ || writing_) {
    return;
  } else if (!head_made_) {
    write({});  // the head has waited for long enough
  } else {
    write(response_.idle_text);
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
  if (buffer_.size() > 0) return read_head();
  enter(Phase::kIdle,
        over_limit_ ? server_->options.crowded_timeout : server_->options.idle_timeout);
  if (!over_limit_) server_->set_idle(*this, true);
  wait_for_bytes();
}

void HttpSession::wait_for_bytes() {
  socket_.async_wait(Socket::wait_read, bound([this](ErrorStatus error) {
                       const Arrival arrival = error ? Arrival::kEnd : arrived();
                       if (arrival == Arrival::kEnd) return close();
                       if (arrival == Arrival::kNothing) return wait_for_bytes();
                       read_head();
                     }));
}

void HttpSession::read_head() {
  if (phase_ == Phase::kIdle && !over_limit_) server_->set_idle(*this, false);
  enter(Phase::kHead,
        over_limit_ ? server_->options.crowded_timeout : server_->options.header_timeout);
  begun_ = std::chrono::steady_clock::now();
  beast::async_read_header(socket_, buffer_, *parser_,
                           bound([this](ErrorStatus error, std::size_t) { on_head(error); }));
}

void HttpSession::on_read_error(ErrorStatus error) {
  if (timed_out_) return refuse(408, "timeout: the request took too long to arrive");
  if (error == beast::error::end_of_stream || error == beast::error::partial_message)
    return close();
  if (error == beast::error::header_limit || error == beast::error::buffer_overflow) {
    return refuse(431, "header_too_large: at most " +
                           std::to_string(server_->options.max_header_bytes) + " bytes are read");
  }
  if (error == beast::error::body_limit) {
    return refuse(413, "payload_too_large: at most " + std::to_string(admission_.body_limit) +
                           " bytes are taken here");
  }
  if (error == beast::error::bad_version) return refuse(505, "bad_request: not HTTP/1.1");
  if (error.category() == beast::make_error_code(beast::error::bad_method).category()) {
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
  request_.lost = lost_.get_token();
  if (const std::string_view problem = framing_problem(); !problem.empty()) {
    return refuse(400, "bad_request: " + std::string(problem));
  }
  if (!split_target(text(message.target()), &request_)) {
    return refuse(400, "bad_request: the target is no path");
  }
  try {
    admission_ = server_->service.admit(request_);
  } catch (const std::exception&) {
    return refuse(500, "internal: the request could not be looked at");
  }
  admitted_ = true;
  request_.id = admission_.request_id;
  if (over_limit_ && !admission_.vital) return refuse(503, "server_busy: too many connections");
  if (admission_.refusal) {
    keep_alive_ = parser_->is_done() && parser_->keep_alive() && version_1_1_;
    return respond(std::move(*admission_.refusal));
  }

  const auto length = parser_->content_length();
  if (length && *length > admission_.body_limit) return on_read_error(beast::error::body_limit);
  const std::uint64_t expected =
      length ? *length : (parser_->chunked() ? admission_.body_limit : 0);
  if (!server_->reserve(expected)) return refuse(503, "server_busy: too much is being uploaded");
  reserved_ = expected;
  parser_->body_limit(admission_.body_limit);
  read_body();
}

// What makes it doubtful where the request ends or whom it is for (RFC 9112, 3.2 and 6): guesses
// differ from program to program, and a request could be hidden from one of them. "" if nothing.
std::string_view HttpSession::framing_problem() const {
  int hosts = 0, encodings = 0, lengths = 0;
  for (const HttpHeader& header : request_.headers) {
    const auto is = [&](std::string_view name) { return find_header({header}, name).has_value(); };
    hosts += is("Host");
    lengths += is("Content-Length");
    encodings += is("Transfer-Encoding");
  }
  if (hosts > 1) return "more than one Host";
  if (hosts == 0 && version_1_1_) return "no Host";
  if (encodings == 0) return lengths > 1 ? "more than one Content-Length" : "";
  if (encodings > 1) return "more than one Transfer-Encoding";
  if (lengths > 0) return "both Transfer-Encoding and Content-Length";
  if (!version_1_1_) return "a Transfer-Encoding in HTTP/1.0";
  const std::string_view coding = *request_.header("Transfer-Encoding");
  constexpr std::string_view kChunked = "chunked";
  const bool chunked =
      std::equal(coding.begin(), coding.end(), kChunked.begin(), kChunked.end(),
                 [](char a, char b) { return std::tolower(static_cast<unsigned char>(a)) == b; });
  return chunked ? "" : "a Transfer-Encoding that is not chunked";
}

void HttpSession::read_body() {
  enter(Phase::kBody, server_->options.body_timeout);
  const auto read = [this] {
    beast::async_read(socket_, buffer_, *parser_,
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
  if (watching_ || gone_.stop_requested()) return;
  watching_ = true;
  socket_.async_wait(Socket::wait_read, bound([this](ErrorStatus error) {
                       watching_ = false;
                       if (error || phase_ != Phase::kHandling) return;
                       if (peer_has_closed()) {
                         // Whoever makes a body for the client alone learns it from the close.
                         if (asked_) return close();
                         watch_for_loss();
                         gone_.request_stop();
                       } else if (arrived() == Arrival::kBytes) {
                         watch_later();
                       } else {
                         watch();
                       }
                     }));
}

// The next request is here already, and a wait for bytes would end at once.
void HttpSession::watch_later() {
  watching_ = true;
  watch_timer_.expires_after(kWatchPause);
  watch_timer_.async_wait(bound([this](ErrorStatus error) {
    watching_ = false;
    if (!error && phase_ == Phase::kHandling) watch();
  }));
}

// A client that has closed its direction may wait for the answer, or be gone: then its system says
// so when it is asked, once it has forgotten the connection.
void HttpSession::watch_for_loss() {
  const int on = 1;
  const int socket = socket_.native_handle();
  ::setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  ::setsockopt(socket, IPPROTO_TCP, TCP_KEEPIDLE, &kProbeSeconds, sizeof kProbeSeconds);
  ::setsockopt(socket, IPPROTO_TCP, TCP_KEEPINTVL, &kProbeSeconds, sizeof kProbeSeconds);
  socket_.async_wait(Socket::wait_error, bound([this](ErrorStatus error) {
                       if (!error) lost_.request_stop();
                     }));
}

// Also when bytes that were not read yet come before the end.
bool HttpSession::peer_has_closed() {
  pollfd state{socket_.native_handle(), POLLRDHUP, 0};
  return ::poll(&state, 1, 0) > 0;
}

// A wait may end for bytes that were read meanwhile, so it says nothing by itself.
HttpSession::Arrival HttpSession::arrived() {
  char byte;
  const auto got = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  if (got > 0) return Arrival::kBytes;
  const bool nothing = got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
  return nothing ? Arrival::kNothing : Arrival::kEnd;
}

void HttpSession::send_later(Response response) {
  auto shared = std::make_shared<Response>(std::move(response));
  server_->post(strand_, [self = shared_from_this(), shared] {
    if (!self->closed_) self->respond(std::move(*shared));
  });
}

void HttpSession::refuse(int status, std::string_view text) {
  keep_alive_ = false;
  try {
    respond(server_->service.refusal(request_, status, text));
  } catch (const std::exception&) {
    respond(error_response(status, text));
  }
}

void HttpSession::respond(Response response) {
  response_ = std::move(response);
  // Of the answers, too, a client that does not read them may make no more be held than this.
  if (response_.body.size() > kSmallAnswer) {
    if (server_->reserve(response_.body.size())) {
      reserved_ += response_.body.size();
    } else {
      response_ = error_response(503, "server_busy: too many large answers are being sent");
    }
  }
  const int status = response_.status;
  if (server_->draining) keep_alive_ = false;
  const bool empty = status == 204 || status == 304 || (status >= 100 && status < 200);
  if (!response_.producer) response_.length = response_.body.size();
  chunked_ = !response_.length && version_1_1_;
  if (!response_.length && !version_1_1_) keep_alive_ = false;
  has_body_ = method_ != "HEAD" && !empty;
  offset_ = 0;
  last_piece_ = head_made_ = false;
  answering_ = true;
  write_next();
}

void HttpSession::make_head() {
  head_made_ = true;
  const int status = response_.status;
  if (response_.producer && response_.head_after.count() > 0) {
    for (HttpHeader& header : response_.producer->headers()) {
      response_.headers.push_back(std::move(header));
    }
  }

  head_ = "HTTP/1.1 " + std::to_string(status) + " " + std::string(reason_phrase(status)) + "\r\n";
  for (const HttpHeader& header : response_.headers) add_header(head_, header.name, header.value);
  for (const HttpHeader& header : admission_.headers) add_header(head_, header.name, header.value);
  add_header(head_, "Date", http_date());
  if (status >= 200 && status != 204 && status != 304) {
    if (response_.length) add_header(head_, "Content-Length", std::to_string(*response_.length));
    if (chunked_) add_header(head_, "Transfer-Encoding", "chunked");
  }
  if (!keep_alive_) add_header(head_, "Connection", "close");
  head_ += "\r\n";
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
  // The head goes out before the first piece is there, unless it is to wait for it.
  if (!head_made_ && !response_.length && response_.head_after.count() == 0) return write({});
  if (arrived_) return take_piece(*std::exchange(arrived_, std::nullopt));
  if (!asked_) ask_producer();
  wait_for_piece();
}

void HttpSession::ask_producer() {
  asked_ = true;
  const auto ready = [self = shared_from_this()](std::optional<std::string> piece) {
    auto shared = std::make_shared<std::optional<std::string>>(std::move(piece));
    self->server_->post(self->strand_, [self, shared] {
      if (self->closed_) return;
      self->asked_ = false;
      if (self->writing_) {
        self->arrived_ = std::move(*shared);
      } else {
        self->take_piece(std::move(*shared));
      }
    });
  };
  try {
    response_.producer->next(ready);
  } catch (const std::exception&) {
    close();
  }
}

// A live source may be silent for long: the client is watched meanwhile, and may be told something.
void HttpSession::wait_for_piece() {
  if (closed_) return;
  phase_ = Phase::kHandling;
  timer_.cancel();
  const Milliseconds limit = head_made_ ? response_.idle_interval : response_.head_after;
  if (limit.count() > 0) enter(Phase::kHandling, limit);
  watch();
}

void HttpSession::take_piece(std::optional<std::string> piece) {
  if (!piece && !head_made_) {
    if (auto instead = response_.producer->failure()) {
      instead->producer = nullptr;
      return respond(std::move(*instead));
    }
  }
  if (!piece) return close();
  last_piece_ = piece->empty();
  if (response_.length) {
    const std::uint64_t rest = *response_.length - offset_;
    if (piece->size() > rest || (piece->empty() && rest > 0)) return close();
    last_piece_ = piece->size() == rest;
  }
  piece_ = std::move(*piece);
  piece_written_ = !piece_.empty();
  write(piece_);
}

void HttpSession::write(std::string_view body) {
  if (!head_made_) make_head();
  writing_ = true;
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
  unwritten_ = boost::beast::buffers_suffix<std::vector<asio::const_buffer>>(std::move(buffers));
  enter(Phase::kWriting, server_->options.write_timeout);
  write_some();
}

void HttpSession::write_some() {
  if (response_.stall_timeout.count() > 0) enter(Phase::kWriting, response_.stall_timeout);
  socket_.async_write_some(unwritten_, bound([this](ErrorStatus error, std::size_t taken) {
                             if (error) return close();
                             unwritten_.consume(taken);
                             if (boost::beast::buffer_bytes(unwritten_) > 0) return write_some();
                             on_written();
                           }));
}

void HttpSession::on_written() {
  writing_ = false;
  head_.clear();
  if (std::exchange(piece_written_, false)) response_.producer->sent();
  if (last_piece_) return finish_response();
  write_next();
}

void HttpSession::finish_response() {
  report(response_.status);
  response_ = {};
  release();
  piece_.clear();
  asked_ = false;
  arrived_.reset();
  phase_ = Phase::kIdle;
  ErrorStatus ignored;
  socket_.cancel(ignored);  // the watch
  watch_timer_.cancel();
  if (keep_alive_ && !over_limit_ && !gone_.stop_requested() && !server_->crowded()) {
    return wait_for_request();
  }
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

}  // namespace echo::http
