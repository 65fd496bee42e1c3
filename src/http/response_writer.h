// An answer on its way out: its head, and its body at once or in pieces.
#pragma once

#include <boost/beast/core/buffers_suffix.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/server_impl.h"

namespace echo::http {

// How an answer is written, beside what it says.
struct ResponseManner {
  bool version_1_1 = true;
  bool keep_alive = false;
  bool head_only = false;    // of an answer to HEAD
  HttpHeaders headers = {};  // of whatever the answer is
};

// A part of one session, for one answer after the other; used on its strand. It tells the session
// with on_response_sent() when the answer is complete, and closes it when that cannot be.
class ResponseWriter {
 public:
  explicit ResponseWriter(HttpSession& session) : session_(session) {}

  void begin(Response response, ResponseManner manner);
  // The producer has been silent for as long as the response said.
  void on_silence();
  // Drops the response, so that its producer learns that it is over.
  void end();

  // An answer has been begun and is not complete.
  bool busy() const { return busy_; }
  // It waits for its producer, and nothing is being written.
  bool waits() const { return asked_ && !writing_; }
  int status() const { return response_.status; }
  bool keep_alive() const { return manner_.keep_alive; }
  // Bytes that an HTTP/1.1 client may be sent at this moment and that mean nothing; empty: there are
  // none.
  std::string_view probe();

 private:
  void make_head();
  void write_next();
  void ask_producer();
  void wait_for_piece();
  void take_piece(std::optional<std::string> piece);
  void write(std::string_view body);
  void write_some();
  void on_written();

  HttpSession& session_;
  Response response_;
  ResponseManner manner_;
  std::string head_, prefix_, piece_;
  boost::beast::buffers_suffix<std::vector<asio::const_buffer>> unwritten_;
  std::uint64_t offset_ = 0;  // bytes of the body that were written
  bool busy_ = false;
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
