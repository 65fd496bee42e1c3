#include "http/byte_stream.h"

#include <utility>

namespace echo::http {

std::size_t ByteBudget::used() const {
  const std::lock_guard lock(mutex_);
  return used_;
}

class ByteStream::Reader final : public BodyProducer {
 public:
  explicit Reader(std::shared_ptr<ByteStream> stream) : stream_(std::move(stream)) {}
  ~Reader() override { stream_->leave(); }

  void next(Ready ready) override { stream_->read(std::move(ready)); }
  HttpHeaders headers() override {
    const std::lock_guard lock(stream_->mutex_);
    return stream_->headers_;
  }
  std::optional<Response> failure() override {
    const std::lock_guard lock(stream_->mutex_);
    return std::exchange(stream_->instead_, std::nullopt);
  }
  void sent() override {
    if (std::exchange(told_, true)) return;
    if (stream_->first_sent_) stream_->first_sent_();
  }

 private:
  const std::shared_ptr<ByteStream> stream_;
  bool told_ = false;
};

ByteStream::ByteStream(std::size_t limit, ByteBudget& budget) : limit_(limit), budget_(budget) {}

ByteStream::~ByteStream() { free(waiting_); }

std::shared_ptr<BodyProducer> ByteStream::reader() {
  return std::make_shared<Reader>(shared_from_this());
}

void ByteStream::set_headers(HttpHeaders headers) {
  const std::lock_guard lock(mutex_);
  headers_ = std::move(headers);
}

void ByteStream::on_first_sent(std::function<void()> function) {
  first_sent_ = std::move(function);
}

bool ByteStream::write(std::string bytes, const std::stop_token& stop) {
  if (bytes.empty()) return !gone_.stop_requested();
  // A reader that goes ends the wait as the caller's own stop does.
  std::stop_source ended;
  const auto end = [&ended] { ended.request_stop(); };
  const std::stop_callback on_gone(gone_.get_token(), end);
  const std::stop_callback on_stop(stop, end);
  const std::stop_token either = ended.get_token();
  {
    std::unique_lock lock(mutex_);
    read_.wait(lock, either, [&] { return waiting_ == 0 || waiting_ + bytes.size() <= limit_; });
    if (either.stop_requested()) return false;
  }
  {
    // Who has nothing waiting may always go on, so that no client starves for the slow ones.
    std::unique_lock lock(budget_.mutex_);
    budget_.freed_.wait(lock, either, [&] {
      const std::lock_guard own(mutex_);
      return waiting_ == 0 || budget_.used_ + bytes.size() <= budget_.limit_;
    });
    if (either.stop_requested()) return false;
    budget_.used_ += bytes.size();
  }
  std::unique_lock lock(mutex_);
  waiting_ += bytes.size();
  pieces_.push_back(std::move(bytes));
  give(lock);
  return true;
}

void ByteStream::finish() {
  std::unique_lock lock(mutex_);
  finished_ = true;
  give(lock);
}

void ByteStream::fail(Response instead) {
  std::unique_lock lock(mutex_);
  failed_ = true;
  instead_ = std::move(instead);
  give(lock);
}

void ByteStream::read(BodyProducer::Ready ready) {
  std::unique_lock lock(mutex_);
  ready_ = std::move(ready);
  give(lock);
}

// Hands the waiting reader what there is: everything so far, the end, or the failure.
void ByteStream::give(std::unique_lock<std::mutex>& lock) {
  if (!ready_) return;
  std::optional<std::string> piece;
  if (!pieces_.empty()) {
    piece = std::move(pieces_.front());
    pieces_.pop_front();
  } else if (finished_) {
    piece = "";
  } else if (!failed_) {
    return;
  }
  const auto ready = std::exchange(ready_, nullptr);
  const std::size_t bytes = piece ? piece->size() : 0;
  waiting_ -= bytes;
  read_.notify_all();
  lock.unlock();
  free(bytes);
  ready(std::move(piece));
}

void ByteStream::leave() {
  BodyProducer::Ready dropped;
  {
    const std::lock_guard lock(mutex_);
    dropped = std::exchange(ready_, nullptr);
  }
  gone_.request_stop();
}

void ByteStream::free(std::size_t bytes) {
  const std::lock_guard lock(budget_.mutex_);
  budget_.used_ -= bytes;
  budget_.freed_.notify_all();
}

}  // namespace echo::http
