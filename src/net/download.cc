#include "net/download.h"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <condition_variable>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "base/error.h"

namespace echo {
namespace {

// "bytes 10-19/100"
struct ContentRange {
  std::uint64_t first = 0;
  std::optional<std::uint64_t> total;
};

std::optional<ContentRange> content_range(const HttpResponse& head) {
  std::string_view text = head.header("Content-Range").value_or("");
  constexpr std::string_view kUnit = "bytes ";
  if (!text.starts_with(kUnit)) return std::nullopt;
  text.remove_prefix(kUnit.size());
  ContentRange range;
  const char* end = text.data() + text.size();
  if (std::from_chars(text.data(), end, range.first).ec != std::errc()) return std::nullopt;
  const auto slash = text.find('/');
  std::uint64_t total = 0;
  if (slash != std::string_view::npos &&
      std::from_chars(text.data() + slash + 1, end, total).ec == std::errc()) {
    range.total = total;
  }
  return range;
}

// Only a strong one says that two bodies are the same byte for byte.
std::string strong_etag(const HttpResponse& head) {
  const std::string_view etag = head.header("ETag").value_or("");
  return etag.starts_with("\"") ? std::string(etag) : std::string();
}

HttpRequest ranged(const Download& download, const std::string& range, const std::string& etag) {
  HttpRequest request = download.request;
  request.headers.push_back({"Range", "bytes=" + range});
  if (!etag.empty()) request.headers.push_back({"If-Range", etag});
  return request;
}

HttpResponse with_error(HttpResponse response, std::string text) {
  response.error = TransportError::kProtocol;
  response.error_text = std::move(text);
  return response;
}

std::string bytes_text(std::uint64_t found, std::uint64_t expected) {
  return "the file has " + std::to_string(found) + " bytes, expected " + std::to_string(expected);
}

[[noreturn]] void throw_cancelled() { throw Error(ErrorCode::kCancelled, "download: cancelled"); }

[[noreturn]] void fail(const Download& download, const HttpResponse& response) {
  if (response.error == TransportError::kCancelled) throw_cancelled();
  download.fail(response);
  throw_internal("download: an answer that cannot be used was accepted");
}

// One connection, from an offset to the end.
class Stream {
 public:
  Stream(HttpClient& http, Clock& clock, const Download& download, std::uint64_t begin)
      : http_(http),
        clock_(clock),
        download_(download),
        etag_(download.etag),
        offset_(begin),
        best_(begin) {}

  std::uint64_t run() {
    Backoff backoff(download_.retry, clock_);
    while (true) {
      if (download_.size && offset_ == *download_.size && offset_ > 0) return offset_;
      const HttpResponse response = attempt();
      if (response.ok()) {
        if (download_.size && offset_ != *download_.size) {
          fail(download_, with_error(response, bytes_text(offset_, *download_.size)));
        }
        return offset_;
      }
      if (response.status == 416 && offset_ > 0 && response.error == TransportError::kNone) {
        begin_anew();  // what is here is no part of what is there
      } else if (!is_transient(response)) {
        fail(download_, response);
      }
      if (offset_ > best_) backoff.reset();
      best_ = std::max(best_, offset_);
      if (!backoff.wait(download_.stop, retry_after(response))) {
        if (download_.stop.stop_requested()) throw_cancelled();
        fail(download_, response);
      }
    }
  }

 private:
  void begin_anew() {
    offset_ = 0;
    download_.restart();
  }

  HttpResponse attempt() {
    HttpRequest request =
        offset_ > 0 ? ranged(download_, std::to_string(offset_) + "-", etag_) : download_.request;
    std::string refusal;
    bool first = true;
    request.stop = download_.stop;
    request.sink = [&](const HttpResponse& head, std::string_view bytes) {
      if (first) {
        first = false;
        refusal = check(head);
        if (!refusal.empty()) return false;
      }
      if (download_.size && offset_ + bytes.size() > *download_.size) {
        refusal =
            "the file has more than the expected " + std::to_string(*download_.size) + " bytes";
        return false;
      }
      download_.write(bytes);
      offset_ += bytes.size();
      return true;
    };
    HttpResponse response = http_.perform(request);
    if (!refusal.empty()) fail(download_, with_error(std::move(response), refusal));
    return response;
  }

  // Takes the offset at which the answer begins. What is wrong with it, or "".
  std::string check(const HttpResponse& head) {
    if (head.status == 206) {
      const auto range = content_range(head);
      if (!range || range->first != offset_)
        return "the answer is not the range that was asked for";
      if (download_.size && range->total && *range->total != *download_.size) {
        return bytes_text(*range->total, *download_.size);
      }
    } else if (offset_ > 0) {
      begin_anew();
    }
    if (etag_.empty() || head.status != 206) etag_ = strong_etag(head);
    return "";
  }

  HttpClient& http_;
  Clock& clock_;
  const Download& download_;
  std::string etag_;
  std::uint64_t offset_;
  std::uint64_t best_;
};

// Several connections, each with a chunk of its own. Chunks are handed out in order and written in
// order; those that are ahead wait in memory, and no more are handed out than fit the window.
class ParallelRanges {
 public:
  ParallelRanges(HttpClient& http, Clock& clock, const Download& download)
      : http_(http),
        clock_(clock),
        download_(download),
        size_(*download.size),
        next_(download.begin),
        etag_(download.etag) {}

  // False if the peer has no ranges.
  bool run() {
    std::stop_callback outer(download_.stop, [this] { stop_.request_stop(); });
    {
      std::vector<std::jthread> workers;
      const auto chunks = (size_ - next_ + download_.chunk_bytes - 1) / download_.chunk_bytes;
      const auto count =
          std::min<std::uint64_t>(chunks, static_cast<unsigned>(download_.connections));
      for (std::uint64_t i = 0; i < count; ++i) workers.emplace_back([this] { work(); });
      try {
        write_in_order();
      } catch (...) {
        end();
        throw;
      }
      end();
    }
    if (failure_) std::rethrow_exception(failure_);
    if (download_.stop.stop_requested()) throw_cancelled();
    return !refused_;
  }

 private:
  struct Chunk {
    std::uint64_t begin = 0, end = 0;
    std::uint64_t received = 0;
    std::string waiting;  // received and not yet written
    bool done() const { return begin + received == end; }
  };

  void end() {
    stop_.request_stop();
    changed_.notify_all();
  }

  bool stopping() const { return stop_.stop_requested(); }

  void write_in_order() {
    std::uint64_t written = download_.begin;
    std::unique_lock lock(mutex_);
    while (written < size_) {
      changed_.wait(lock, stop_.get_token(),
                    [&] { return !window_.empty() && !window_.front()->waiting.empty(); });
      if (stopping()) return;
      Chunk& front = *window_.front();
      const std::string bytes = std::exchange(front.waiting, {});
      if (front.done()) window_.pop_front();
      lock.unlock();
      changed_.notify_all();
      download_.write(bytes);
      written += bytes.size();
      lock.lock();
    }
  }

  void work() {
    try {
      while (const auto chunk = take_chunk()) fetch(*chunk);
    } catch (...) {
      {
        std::scoped_lock lock(mutex_);
        // What follows from the stop is not the cause of it.
        if (!stopping() && !failure_) failure_ = std::current_exception();
      }
      end();
    }
  }

  std::shared_ptr<Chunk> take_chunk() {
    std::unique_lock lock(mutex_);
    const auto window = 2 * static_cast<std::size_t>(download_.connections);
    changed_.wait(lock, stop_.get_token(),
                  [&] { return window_.size() < window || next_ == size_; });
    if (stopping() || next_ == size_) return nullptr;
    auto chunk = std::make_shared<Chunk>();
    chunk->begin = next_;
    chunk->end = next_ = std::min(size_, next_ + download_.chunk_bytes);
    window_.push_back(chunk);
    return chunk;
  }

  void fetch(Chunk& chunk) {
    Backoff backoff(download_.retry, clock_);
    while (!chunk.done()) {
      const std::uint64_t before = chunk.received;
      const HttpResponse response = attempt(chunk);
      if (stopping()) throw_cancelled();
      if (chunk.done()) return;
      // An answer that ends early is a lost connection by another name.
      if (!response.ok() && !is_transient(response)) fail(download_, response);
      if (chunk.received > before) backoff.reset();
      if (!backoff.wait(stop_.get_token(), retry_after(response))) {
        if (stopping()) throw_cancelled();
        fail(download_, response.ok() ? with_error(response, "the range ended early") : response);
      }
    }
  }

  HttpResponse attempt(Chunk& chunk) {
    const std::uint64_t from = chunk.begin + chunk.received;
    HttpRequest request =
        ranged(download_, std::to_string(from) + "-" + std::to_string(chunk.end - 1), etag());
    std::string refusal;
    bool first = true;
    request.stop = stop_.get_token();
    request.sink = [&](const HttpResponse& head, std::string_view bytes) {
      if (first) {
        first = false;
        if (head.status != 206) {
          refused_ = true;
          return false;
        }
        refusal = check(head, from);
        if (!refusal.empty()) return false;
      }
      std::unique_lock lock(mutex_);
      if (bytes.size() > chunk.end - chunk.begin - chunk.received) {
        refusal = "the answer is longer than the range that was asked for";
        return false;
      }
      // One that has to wait will fill up; growing by doubling would take twice the room.
      if (window_.front().get() != &chunk) {
        chunk.waiting.reserve(chunk.waiting.size() + (chunk.end - chunk.begin - chunk.received));
      }
      chunk.waiting.append(bytes);
      chunk.received += bytes.size();
      lock.unlock();
      changed_.notify_all();
      return true;
    };
    HttpResponse response = http_.perform(request);
    if (refused_) {
      end();
    } else if (!refusal.empty()) {
      fail(download_, with_error(std::move(response), refusal));
    }
    return response;
  }

  std::string etag() {
    std::scoped_lock lock(mutex_);
    return etag_;
  }

  std::string check(const HttpResponse& head, std::uint64_t from) {
    const auto range = content_range(head);
    if (!range || range->first != from) return "the answer is not the range that was asked for";
    if (range->total && *range->total != size_) return bytes_text(*range->total, size_);
    std::scoped_lock lock(mutex_);
    if (etag_.empty()) etag_ = strong_etag(head);
    return "";
  }

  HttpClient& http_;
  Clock& clock_;
  const Download& download_;
  const std::uint64_t size_;
  std::stop_source stop_;
  std::atomic<bool> refused_{false};
  std::mutex mutex_;  // guards all below
  std::condition_variable_any changed_;
  std::uint64_t next_;  // the first byte that no chunk has
  std::deque<std::shared_ptr<Chunk>> window_;
  std::string etag_;
  std::exception_ptr failure_;
};

}  // namespace

std::uint64_t run_download(HttpClient& http, Clock& clock, const Download& download) {
  std::uint64_t begin = download.begin;
  const bool parallel = download.size && download.connections > 1 && *download.size > begin &&
                        *download.size - begin > download.chunk_bytes;
  if (parallel) {
    if (ParallelRanges(http, clock, download).run()) return *download.size;
    begin = 0;
    download.restart();
  }
  return Stream(http, clock, download, begin).run();
}

}  // namespace echo
