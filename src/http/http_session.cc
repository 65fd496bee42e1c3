#include "http/http_session.h"

#include <boost/asio/write.hpp>
#include <boost/beast/http/read.hpp>
#include <limits>
#include <utility>

#include "http/request_head.h"
#include "http/responses.h"

namespace echo::http {
namespace {

constexpr std::size_t kLingerBytes = std::size_t{32} << 20;
constexpr std::size_t kSmallAnswer = 64 << 10;  // bytes; larger ones are counted as bodies are

// Boost's string view has changed its type between versions.
template <typename View>
std::string text(const View& view) {
  return {view.data(), view.size()};
}

}  // namespace

HttpSession::HttpSession(Socket socket, std::shared_ptr<HttpServer::Impl> server, bool over_limit)
    : strand_(socket.get_executor()),
      socket_(std::move(socket)),
      timer_(strand_),
      server_(std::move(server)),
      over_limit_(over_limit),
      watch_(*this),
      writer_(*this),
      buffer_(server_->options.max_header_bytes + (64 << 10)) {}

HttpSession::~HttpSession() {
  release();
  server_->remove(this);
}

void HttpSession::close() {
  if (closed_) return;
  closed_ = true;
  if (writer_.busy()) report(0);
  ErrorStatus ignored;
  timer_.cancel();
  socket_.close(ignored);
  release();
  writer_.end();
  watch_.end();
}

void HttpSession::on_lost() {
  // Whoever makes a body for the client alone learns it from the close.
  if (writer_.busy()) return close();
  watch_.lost().request_stop();
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
  } else {
    writer_.on_silence();
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
                       const Arrival arrival = error ? Arrival::kEnd : arrived(socket_);
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
  request_.gone = watch_.gone().get_token();
  request_.lost = watch_.lost().get_token();
  if (const std::string_view problem = framing_problem(request_, version_1_1_); !problem.empty()) {
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
  // A body whose length nobody knows would be copied each time that it outgrows its room.
  if (parser_->chunked()) parser_->get().body().reserve(admission_.body_limit);
  begin_body();
}

void HttpSession::begin_body() {
  pace_.emplace(server_->options.body_pace, std::chrono::steady_clock::now());
  const auto expect = request_.header("Expect");
  if (!expect || !version_1_1_ || parser_->is_done()) return read_body();
  static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
  enter(Phase::kBody, server_->options.body_pace.patience);
  asio::async_write(socket_, asio::buffer(kContinue.data(), kContinue.size()),
                    bound([this](ErrorStatus error, std::size_t) {
                      if (error) return on_read_error(error);
                      read_body();
                    }));
}

void HttpSession::read_body() {
  if (parser_->is_done()) return on_body({});
  const auto now = std::chrono::steady_clock::now();
  enter(Phase::kBody, std::chrono::ceil<Milliseconds>(pace_->deadline() - now));
  beast::async_read_some(socket_, buffer_, *parser_,
                         bound([this](ErrorStatus error, std::size_t bytes) {
                           if (error) return on_body(error);
                           pace_->take(bytes, std::chrono::steady_clock::now());
                           read_body();
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
  watch_.look();
  try {
    server_->service.handle(std::move(request_), reply);
  } catch (const std::exception&) {
    reply.send(error_response(500, "internal: the request could not be handled"));
  }
  release();
}

void HttpSession::send_later(Response response) {
  auto shared = std::make_shared<Response>(std::move(response));
  post([this, shared] { respond(std::move(*shared)); });
}

void HttpSession::post(std::function<void()> work) {
  server_->post(strand_, [self = shared_from_this(), work = std::move(work)] {
    if (!self->closed_) work();
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
  // Of the answers, too, a client that does not read them may make no more be held than this.
  if (response.body.size() > kSmallAnswer) {
    if (server_->reserve(response.body.size())) {
      reserved_ += response.body.size();
    } else {
      response = error_response(503, "server_busy: too many large answers are being sent");
    }
  }
  ResponseManner manner;
  manner.version_1_1 = version_1_1_;
  manner.keep_alive = keep_alive_ && !server_->draining;
  manner.head_only = method_ == "HEAD";
  manner.headers = admission_.headers;
  writer_.begin(std::move(response), std::move(manner));
}

void HttpSession::wait_for_producer(Milliseconds silence) {
  if (closed_) return;
  phase_ = Phase::kHandling;
  timer_.cancel();
  if (silence.count() > 0) enter(Phase::kHandling, silence);
  watch_.look();
}

void HttpSession::on_response_sent() {
  report(writer_.status());
  writer_.end();
  release();
  phase_ = Phase::kIdle;
  watch_.pause();
  if (writer_.keep_alive() && !over_limit_ && !watch_.gone().stop_requested() &&
      !server_->crowded()) {
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
  dropped_.resize(64 << 10);
  socket_.async_read_some(asio::buffer(dropped_),
                          bound([this](ErrorStatus failed, std::size_t got) {
                            lingered_ += got;
                            if (failed || lingered_ > kLingerBytes) return close();
                            linger();
                          }));
}

void HttpSession::report(int status) {
  const auto time = std::chrono::steady_clock::now() - begun_;
  try {
    server_->service.answered(admitted_ ? admission_.label : "", method_, status, time);
  } catch (const std::exception&) {
    // Counting must not disturb the connection.
  }
}

}  // namespace echo::http
