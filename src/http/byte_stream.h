// A body that one thread makes while the server sends it.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "http/http_server.h"

namespace echo::http {

// What all bodies on their way out may take together.
class ByteBudget {
 public:
  explicit ByteBudget(std::size_t limit) : limit_(limit) {}
  std::size_t used() const;

 private:
  friend class ByteStream;
  const std::size_t limit_;
  mutable std::mutex mutex_;
  std::condition_variable_any freed_;
  std::size_t used_ = 0;
};

// One thread writes, the server reads through reader(). The writer waits while too much is unread,
// so a slow client costs bounded memory. Threads: the functions of the writer by one thread at a
// time.
class ByteStream : public std::enable_shared_from_this<ByteStream> {
 public:
  // At most `limit` bytes wait here, or a single piece. `budget` must outlive the stream.
  ByteStream(std::size_t limit, ByteBudget& budget);
  ~ByteStream();
  ByteStream(const ByteStream&) = delete;
  ByteStream& operator=(const ByteStream&) = delete;

  // The body for the one Response that the stream is for. When it is destroyed before the end, the
  // client is gone.
  std::shared_ptr<BodyProducer> reader();

  // ---- the writer

  // Sets the headers that go out with the first piece, or with the head if that is earlier.
  void set_headers(HttpHeaders headers);
  // Adds a piece; waits until there is room. Returns false when the client is gone or `stop` is
  // requested: then nothing was added.
  bool write(std::string bytes, const std::stop_token& stop = {});
  // The body is complete.
  void finish();
  // It cannot be completed. When nothing was sent yet, the client gets `instead`; otherwise the
  // connection breaks off.
  void fail(Response instead);
  // Requested when the client is gone.
  std::stop_token gone() const { return gone_.get_token(); }
  // Called, on the server's thread, when the first bytes of the body were taken by the network.
  // Before the first write().
  void on_first_sent(std::function<void()> function);

 private:
  class Reader;

  void read(BodyProducer::Ready ready);
  void leave();
  void give(std::unique_lock<std::mutex>& lock);
  void free(std::size_t bytes);

  const std::size_t limit_;
  ByteBudget& budget_;
  std::stop_source gone_;
  mutable std::mutex mutex_;
  std::condition_variable_any read_;
  std::deque<std::string> pieces_;
  std::size_t waiting_ = 0;    // bytes of pieces_
  BodyProducer::Ready ready_;  // of a reader that waits
  HttpHeaders headers_;
  std::optional<Response> instead_;
  bool finished_ = false, failed_ = false;
  std::function<void()> first_sent_;
};

}  // namespace echo::http
