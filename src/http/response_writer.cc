#include "http/response_writer.h"

#include <boost/beast/core/buffer_traits.hpp>
#include <cstdio>
#include <ctime>
#include <utility>

#include "http/http_session.h"

namespace echo::http {
namespace {

// What goes before the final head is skipped by every client, as zeros before a size are.
constexpr std::string_view kInterimHead = "HTTP/1.1 100 Continue\r\n\r\n";

std::string http_date() {
  const std::time_t now = std::time(nullptr);
  std::tm fields{};
  ::gmtime_r(&now, &fields);
  char text[64];
  std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &fields);
  return text;
}

void add_header(std::string& head, std::string_view name, std::string_view value) {
  head.append(name).append(": ");
  for (const char c : value) head += c == '\r' || c == '\n' ? ' ' : c;
  head += "\r\n";
}

}  // namespace

void ResponseWriter::begin(Response response, ResponseManner manner) {
  response_ = std::move(response);
  manner_ = std::move(manner);
  const int status = response_.status;
  const bool empty = status == 204 || status == 304 || (status >= 100 && status < 200);
  if (!response_.producer) response_.length = response_.body.size();
  chunked_ = !response_.length && manner_.version_1_1;
  if (!response_.length && !manner_.version_1_1) manner_.keep_alive = false;
  has_body_ = !manner_.head_only && !empty;
  offset_ = 0;
  last_piece_ = head_made_ = false;
  busy_ = true;
  write_next();
}

void ResponseWriter::end() {
  busy_ = false;
  asked_ = false;
  response_ = {};
  arrived_.reset();
}

void ResponseWriter::on_silence() {
  if (!waits()) return;
  write(head_made_ ? std::string_view(response_.idle_text) : std::string_view());
}

std::string_view ResponseWriter::probe() {
  if (!busy_ || !head_made_) return kInterimHead;
  return chunked_ && has_body_ && !writing_ ? "0" : "";
}

void ResponseWriter::make_head() {
  head_made_ = true;
  const int status = response_.status;
  if (response_.producer && response_.head_after.count() > 0) {
    for (HttpHeader& header : response_.producer->headers()) {
      response_.headers.push_back(std::move(header));
    }
  }
  head_ = "HTTP/1.1 " + std::to_string(status) + " " + std::string(reason_phrase(status)) + "\r\n";
  for (const HttpHeader& header : response_.headers) add_header(head_, header.name, header.value);
  for (const HttpHeader& header : manner_.headers) add_header(head_, header.name, header.value);
  add_header(head_, "Date", http_date());
  if (status >= 200 && status != 204 && status != 304) {
    if (response_.length) add_header(head_, "Content-Length", std::to_string(*response_.length));
    if (chunked_) add_header(head_, "Transfer-Encoding", "chunked");
  }
  if (!manner_.keep_alive) add_header(head_, "Connection", "close");
  head_ += "\r\n";
}

void ResponseWriter::write_next() {
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

void ResponseWriter::ask_producer() {
  asked_ = true;
  const auto ready = [this, self = session_.shared_from_this()](std::optional<std::string> piece) {
    auto shared = std::make_shared<std::optional<std::string>>(std::move(piece));
    self->post([this, shared] {
      asked_ = false;
      if (writing_) {
        arrived_ = std::move(*shared);
      } else {
        take_piece(std::move(*shared));
      }
    });
  };
  try {
    response_.producer->next(ready);
  } catch (const std::exception&) {
    session_.close();
  }
}

// A live source may be silent for long: the client is watched meanwhile, and may be told something.
void ResponseWriter::wait_for_piece() {
  session_.wait_for_producer(head_made_ ? response_.idle_interval : response_.head_after);
}

void ResponseWriter::take_piece(std::optional<std::string> piece) {
  if (!piece && !head_made_) {
    if (auto instead = response_.producer->failure()) {
      instead->producer = nullptr;
      return session_.respond(std::move(*instead));
    }
  }
  if (!piece) return session_.close();
  last_piece_ = piece->empty();
  if (response_.length) {
    const std::uint64_t rest = *response_.length - offset_;
    if (piece->size() > rest || (piece->empty() && rest > 0)) return session_.close();
    last_piece_ = piece->size() == rest;
  }
  piece_ = std::move(*piece);
  piece_written_ = !piece_.empty();
  write(piece_);
}

void ResponseWriter::write(std::string_view body) {
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
  session_.begin_write();
  write_some();
}

void ResponseWriter::write_some() {
  if (response_.stall_timeout.count() > 0) session_.begin_write(response_.stall_timeout);
  session_.socket().async_write_some(
      unwritten_, session_.bound([this](ErrorStatus error, std::size_t taken) {
        if (error) return session_.close();
        unwritten_.consume(taken);
        if (boost::beast::buffer_bytes(unwritten_) > 0) return write_some();
        on_written();
      }));
}

void ResponseWriter::on_written() {
  writing_ = false;
  head_.clear();
  if (std::exchange(piece_written_, false)) response_.producer->sent();
  if (last_piece_) {
    piece_.clear();
    return session_.on_response_sent();
  }
  write_next();
}

}  // namespace echo::http
