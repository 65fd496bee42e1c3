#include "server/file_answer.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "server/answers.h"

namespace echo::server {
namespace {

constexpr std::uint64_t kPiece = 256 << 10;  // bytes read at once

class FileProducer final : public http::BodyProducer {
 public:
  FileProducer(Descriptor file, std::uint64_t offset, std::uint64_t count)
      : file_(std::move(file)), offset_(offset), left_(count) {}

  void next(Ready ready) override {
    std::string piece(std::min(left_, kPiece), '\0');
    const ssize_t got =
        ::pread(file_.get(), piece.data(), piece.size(), static_cast<off_t>(offset_));
    if (got < 0) return ready(std::nullopt);
    piece.resize(static_cast<size_t>(got));
    offset_ += piece.size();
    left_ -= piece.size();
    ready(std::move(piece));
  }

 private:
  const Descriptor file_;
  std::uint64_t offset_;
  std::uint64_t left_;
};

struct Range {
  std::uint64_t first = 0;
  std::uint64_t count = 0;
  bool partial = false;
  bool satisfiable = true;
};

bool number(std::string_view text, std::uint64_t* value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *value);
  return error == std::errc{} && end == text.data() + text.size();
}

// The part of a file that a Range header asks for. What is no single range of bytes counts as no
// header, as RFC 9110 has it.
Range range_of(std::string_view header, std::uint64_t size) {
  const Range whole{0, size, false, true};
  if (!header.starts_with("bytes=")) return whole;
  header.remove_prefix(6);
  const size_t dash = header.find('-');
  if (dash == std::string_view::npos) return whole;
  const std::string_view from = header.substr(0, dash);
  const std::string_view to = header.substr(dash + 1);
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  if (from.empty()) {
    if (!number(to, &last)) return whole;
    if (last == 0 || size == 0) return {0, 0, true, false};
    return {size - std::min(last, size), std::min(last, size), true, true};
  }
  if (!number(from, &first)) return whole;
  if (to.empty()) {
    last = size - std::min<std::uint64_t>(1, size);
  } else if (!number(to, &last) || last < first) {
    return whole;
  }
  if (first >= size) return {0, 0, true, false};
  return {first, std::min(last, size - 1) - first + 1, true, true};
}

}  // namespace

std::optional<http::Response> file_answer(const http::Request& request, Descriptor file,
                                          const std::string& content_type) {
  struct stat status {};
  if (!file || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  const auto size = static_cast<std::uint64_t>(status.st_size);
  // Without validators a condition on the range cannot be met.
  const bool conditional = request.header("If-Range").has_value();
  const Range range = range_of(conditional ? "" : request.header("Range").value_or(""), size);
  auto producer = std::make_shared<FileProducer>(std::move(file), range.first, range.count);
  if (!range.satisfiable) {
    http::Response response =
        http::error_response(416, "bad_request: the range lies outside the file");
    response.headers.push_back({"Content-Range", "bytes */" + std::to_string(size)});
    return response;
  }
  http::Response response;
  response.headers = {{"Content-Type", content_type},
                      {"Accept-Ranges", "bytes"},
                      {"Cache-Control", "private, no-store"},
                      {"X-Content-Type-Options", "nosniff"}};
  if (range.partial) {
    response.status = 206;
    response.headers.push_back({"Content-Range", "bytes " + std::to_string(range.first) + "-" +
                                                     std::to_string(range.first + range.count - 1) +
                                                     "/" + std::to_string(size)});
  }
  response.length = range.count;
  response.producer = std::move(producer);
  return response;
}

std::shared_ptr<http::BodyProducer> file_body(Descriptor file, std::uint64_t bytes) {
  return std::make_shared<FileProducer>(std::move(file), 0, bytes);
}

}  // namespace echo::server
