#include "net/curl_transfer.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <exception>
#include <optional>

#include "base/error.h"
#include "net/proxy.h"
#include "net/public_address.h"

namespace echo {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::size_t kMaxHeaderBytes = 256 * 1024;
constexpr const char* kStopped = "stop was requested";
constexpr milliseconds kWake{1000};  // how often a quiet transfer is looked at
// How long an answer that crosses a stop request may be on its way.
constexpr milliseconds kCrossing{1000};

bool has_body(const HttpRequest& request) {
  return request.method == "POST" || request.method == "PUT" || request.method == "PATCH" ||
         !request.body.empty() || request.body_source;
}

TransportError classify(CURLcode code) {
  switch (code) {
    case CURLE_OK:
      return TransportError::kNone;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
      return TransportError::kResolve;
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_INTERFACE_FAILED:
      return TransportError::kConnect;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_CERTPROBLEM:
      return TransportError::kTls;
    case CURLE_OPERATION_TIMEDOUT:
      return TransportError::kTimeout;
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_PARTIAL_FILE:
      return TransportError::kConnectionLost;
    default:
      return TransportError::kProtocol;
  }
}

// Lines in libcurl's form, which has its own signs for headers with "no value" and "not at all".
class LineList {
 public:
  ~LineList() { curl_slist_free_all(list_); }
  void add(const std::string& line) {
    curl_slist* longer = curl_slist_append(list_, line.c_str());
    if (longer == nullptr) throw_internal("libcurl: out of memory");
    list_ = longer;
  }
  void add(const HttpHeader& header) {
    add(header.value.empty() ? header.name + ";" : header.name + ": " + header.value);
  }
  curl_slist* get() const { return list_; }

 private:
  curl_slist* list_ = nullptr;
};

// Notices a transfer that moves fewer than min_bytes in a window.
class SpeedWatch {
 public:
  explicit SpeedWatch(const HttpTimeouts& timeouts)
      : window_(timeouts.slow_window), min_bytes_(timeouts.min_bytes) {}

  bool enabled() const { return window_ > milliseconds::zero(); }

  bool too_slow(CURL* easy) {
    const auto now = steady_clock::now();
    if (!enabled() || now < window_start_ + window_) return false;
    curl_off_t up = 0, down = 0;
    curl_easy_getinfo(easy, CURLINFO_SIZE_UPLOAD_T, &up);
    curl_easy_getinfo(easy, CURLINFO_SIZE_DOWNLOAD_T, &down);
    long head = 0;
    curl_easy_getinfo(easy, CURLINFO_HEADER_SIZE, &head);
    const auto moved = static_cast<std::uint64_t>(up + down + head);
    const bool slow = moved < moved_ + min_bytes_;
    moved_ = moved;
    window_start_ = now;
    return slow;
  }

  milliseconds wake_after() const { return enabled() ? std::min(kWake, window_ / 4) : kWake; }

 private:
  milliseconds window_;
  std::uint64_t min_bytes_;
  std::uint64_t moved_ = 0;
  steady_clock::time_point window_start_ = steady_clock::now();
};

class Transfer {
 public:
  Transfer(CurlConnection& connection, const CurlRoute& route, const HttpRequest& request,
           HttpResponse& response)
      : connection_(connection), route_(route), request_(request), response_(response) {}

  void configure(const HttpClientOptions& options, const Url& url, milliseconds total) {
    CURL* easy = connection_.easy;
    curl_easy_reset(easy);  // keeps connections, names and TLS sessions
    set(CURLOPT_URL, url.text().c_str());
    set(CURLOPT_PATH_AS_IS, 1L);
    set(CURLOPT_PROTOCOLS_STR, "http,https");
    set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_TCP_KEEPALIVE, 1L);
    set(CURLOPT_MAXAGE_CONN, static_cast<long>(options.max_idle.count()));
    set(CURLOPT_OPENSOCKETFUNCTION, &Transfer::on_socket);
    set(CURLOPT_OPENSOCKETDATA, this);
    set(CURLOPT_CLOSESOCKETFUNCTION, &Transfer::on_socket_close);
    set(CURLOPT_CLOSESOCKETDATA, &connection_);  // outlives the transfer, as its connections do
    set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(request_.timeouts.connect.count()));
    set(CURLOPT_TIMEOUT_MS, static_cast<long>(total.count()));
    set(CURLOPT_ERRORBUFFER, error_buffer_);
    set(CURLOPT_HEADERFUNCTION, &Transfer::on_header);
    set(CURLOPT_HEADERDATA, this);
    set(CURLOPT_WRITEFUNCTION, &Transfer::on_body);
    set(CURLOPT_WRITEDATA, this);
    if (request_.accept_compressed) set(CURLOPT_ACCEPT_ENCODING, "gzip, deflate");
    configure_route(url);
    configure_trust(options.ca_certificates);
    configure_method();
    configure_headers();
  }

  void run() {
    add_to_multi();
    std::stop_callback wake(request_.stop,
                            [multi = connection_.multi] { curl_multi_wakeup(multi); });
    SpeedWatch speed(request_.timeouts);
    bool done = false;
    while (!done) {
      const bool stopping = request_.stop.stop_requested();
      if (stopping && !request_.finish_started_answer) {
        stop_with(TransportError::kCancelled, kStopped);
        break;
      }
      int running = 0;
      curl_multi_perform(connection_.multi, &running);
      done = read_result();
      if (done) break;
      // Only now: the call above has read what was waiting in the socket.
      if (stopping && header_bytes_ == 0 && !wait_for_crossing_answer()) break;
      if (speed.too_slow(connection_.easy)) {
        stop_with(TransportError::kTimeout,
                  "fewer than " + std::to_string(request_.timeouts.min_bytes) + " bytes in " +
                      std::to_string(request_.timeouts.slow_window.count()) + " ms");
        break;
      }
      const milliseconds pause = crossing_end_ ? kCrossing / 10 : speed.wake_after();
      curl_multi_poll(connection_.multi, nullptr, 0, static_cast<int>(pause.count()), nullptr);
    }
    // The peer has closed in its turn: that is what was asked for.
    if (crossing_end_ && header_bytes_ == 0) stop_with(TransportError::kCancelled, kStopped);
    // Closes the connection if the transfer is not over.
    curl_multi_remove_handle(connection_.multi, connection_.easy);
    if (thrown_) std::rethrow_exception(thrown_);
  }

 private:
  template <typename T>
  void set(CURLoption option, T value) {
    if (curl_easy_setopt(connection_.easy, option, value) != CURLE_OK) {
      throw_internal("libcurl: option " + std::to_string(option) + " is not supported");
    }
  }

  void configure_route(const Url& url) {
    set(CURLOPT_PROXY, route_.proxy.c_str());
    set(CURLOPT_NOPROXY, "");  // which host needs none was decided before
    set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    const bool plain_proxy = !route_.proxy.empty() && route_.address.empty() &&
                             url.scheme == "http" &&
                             proxy_for_display(route_.proxy).starts_with("http");
    // What a plain proxy is asked for is the whole address.
    set(CURLOPT_REQUEST_TARGET, plain_proxy ? url.text().c_str() : url.target().c_str());
    if (route_.address.empty()) return;
    connect_to_.add("::" + route_.address + ":" + std::to_string(url.port));
    set(CURLOPT_CONNECT_TO, connect_to_.get());
    set(CURLOPT_HTTPPROXYTUNNEL, 1L);  // in the tunnel the host still gets its name
  }

  // libcurl keeps the system's folder of certificates beside these.
  void configure_trust(const std::string& certificates) {
    if (certificates.empty()) return;
    curl_blob blob{const_cast<char*>(certificates.data()), certificates.size(), CURL_BLOB_NOCOPY};
    set(CURLOPT_CAINFO_BLOB, &blob);
    set(CURLOPT_PROXY_CAINFO_BLOB, &blob);
  }

  void configure_method() {
    if (request_.method == "HEAD") {
      set(CURLOPT_NOBODY, 1L);
      return;
    }
    if (!has_body(request_)) {
      set(CURLOPT_HTTPGET, 1L);
    } else {
      body_size_ = request_.body_source ? request_.body_source_size : request_.body.size();
      set(CURLOPT_POST, 1L);
      set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body_size_));
      set(CURLOPT_READFUNCTION, &Transfer::on_read);
      set(CURLOPT_READDATA, this);
      set(CURLOPT_SEEKFUNCTION, &Transfer::on_seek);
      set(CURLOPT_SEEKDATA, this);
    }
    set(CURLOPT_CUSTOMREQUEST, request_.method.c_str());
  }

  void configure_headers() {
    for (const HttpHeader& header : request_.headers) headers_.add(header);
    // What libcurl would add on its own.
    for (const char* name : {"Accept", "Content-Type", "Expect"}) {
      if (!find_header(request_.headers, name)) headers_.add(std::string(name) + ":");
    }
    set(CURLOPT_HTTPHEADER, headers_.get());
  }

  void add_to_multi() {
    if (curl_multi_add_handle(connection_.multi, connection_.easy) != CURLM_OK) {
      throw_internal("libcurl: cannot start a transfer");
    }
  }

  bool read_result() {
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(connection_.multi, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      const CURLcode code = message->data.result;
      if (response_.error != TransportError::kNone) return true;  // one of ours, from a callback
      response_.error = classify(code);
      if (code != CURLE_OK) {
        response_.error_text = error_buffer_[0] ? error_buffer_ : curl_easy_strerror(code);
        blame_the_proxy();
      }
      return true;
    }
    return false;
  }

  // A proxy that refuses to open a tunnel looks like a lost connection otherwise.
  void blame_the_proxy() {
    if (route_.proxy.empty()) return;
    long status = 0;
    curl_easy_getinfo(connection_.easy, CURLINFO_HTTP_CONNECTCODE, &status);
    if (status < 300) {
      response_.error_text += " (through the proxy " + proxy_for_display(route_.proxy) + ")";
      return;
    }
    response_.error = status < 500 ? TransportError::kProxy : TransportError::kConnect;
    response_.error_text = "the proxy " + proxy_for_display(route_.proxy) +
                           " answers with status " + std::to_string(status) +
                           " instead of connecting";
    if (status == 407) response_.error_text += ": it wants a user name and a password";
  }

  // The peer may have sent its answer just now. So the connection is closed in one direction first:
  // the peer stops, or what it sent before it noticed arrives. False when the wait is over.
  bool wait_for_crossing_answer() {
    if (!crossing_end_ && connection_.half_close()) crossing_end_ = steady_clock::now() + kCrossing;
    if (crossing_end_ && steady_clock::now() < *crossing_end_) return true;
    stop_with(TransportError::kCancelled, kStopped);
    return false;
  }

  void stop_with(TransportError error, std::string text) {
    response_.error = error;
    response_.error_text = std::move(text);
  }

  // Exceptions must not travel through libcurl.
  template <typename Function>
  std::size_t guarded(std::size_t on_error, Function&& function) {
    try {
      return function();
    } catch (...) {
      thrown_ = std::current_exception();
      return on_error;
    }
  }

  // Called with the address that is about to be connected to, whatever name it came from.
  static curl_socket_t on_socket(void* self, curlsocktype, curl_sockaddr* address) {
    auto& transfer = *static_cast<Transfer*>(self);
    // A proxy may be anywhere; what it is to reach was looked at before.
    if (transfer.request_.public_hosts_only && transfer.route_.proxy.empty() &&
        !is_public_address(address->addr)) {
      transfer.stop_with(TransportError::kForbiddenHost, "the host's address is not a public one");
      return CURL_SOCKET_BAD;
    }
    if (transfer.crossing_end_) return CURL_SOCKET_BAD;  // libcurl would send the request again
    const curl_socket_t socket =
        ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    if (socket != CURL_SOCKET_BAD) transfer.connection_.sockets.push_back(socket);
    return socket;
  }

  static int on_socket_close(void* connection, curl_socket_t socket) {
    std::erase(static_cast<CurlConnection*>(connection)->sockets, socket);
    return ::close(socket);
  }

  static std::size_t on_header(char* data, std::size_t, std::size_t size, void* self) {
    auto& transfer = *static_cast<Transfer*>(self);
    return transfer.guarded(0, [&] { return transfer.take_header({data, size}) ? size : 0; });
  }

  static std::size_t on_body(char* data, std::size_t, std::size_t size, void* self) {
    auto& transfer = *static_cast<Transfer*>(self);
    // Any other number is an error to libcurl; 0 is one only while size is not 0.
    return transfer.guarded(size + 1, [&] {
      return transfer.take_body({data, size}) ? size : size + 1;
    });
  }

  static std::size_t on_read(char* to, std::size_t, std::size_t size, void* self) {
    auto& transfer = *static_cast<Transfer*>(self);
    return transfer.guarded(CURL_READFUNC_ABORT, [&] { return transfer.give_body({to, size}); });
  }

  static int on_seek(void* self, curl_off_t offset, int origin) {
    if (origin != SEEK_SET) return CURL_SEEKFUNC_CANTSEEK;
    static_cast<Transfer*>(self)->body_offset_ = static_cast<std::uint64_t>(offset);
    return CURL_SEEKFUNC_OK;
  }

  bool take_header(std::string_view line) {
    header_bytes_ += line.size();
    if (header_bytes_ > kMaxHeaderBytes) {
      stop_with(TransportError::kTooLarge, "the headers of the answer exceed 256 KiB");
      return false;
    }
    while (!line.empty() && (line.back() == '\r' || line.back() == '\n')) line.remove_suffix(1);
    if (line.starts_with("HTTP/")) {
      // A new answer: the one before was 1xx, or died on a kept connection.
      response_.headers.clear();
      response_.body.clear();
      response_.status = 0;
      const auto space = line.find(' ');
      if (space != std::string_view::npos) {
        const char* first = line.data() + space + 1;
        std::from_chars(first, line.data() + line.size(), response_.status);
      }
      return true;
    }
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) return true;
    std::string_view value = line.substr(colon + 1);
    while (!value.empty() && (value.front() == ' ' || value.front() == '\t'))
      value.remove_prefix(1);
    while (!value.empty() && (value.back() == ' ' || value.back() == '\t')) value.remove_suffix(1);
    response_.headers.push_back({std::string(line.substr(0, colon)), std::string(value)});
    return true;
  }

  bool take_body(std::string_view bytes) {
    if (request_.sink && response_.status >= 200 && response_.status < 300) {
      if (request_.sink(response_, bytes)) return true;
      stop_with(TransportError::kSinkStopped, "the receiver wants no more");
      return false;
    }
    if (request_.max_redirects > 0 && is_redirect(response_.status))
      return true;  // nobody reads it
    if (response_.body.size() + bytes.size() > request_.max_body) {
      stop_with(TransportError::kTooLarge,
                "the answer exceeds " + std::to_string(request_.max_body) + " bytes");
      return false;
    }
    response_.body.append(bytes);
    return true;
  }

  std::size_t give_body(std::span<char> to) {
    if (body_offset_ >= body_size_) return 0;
    const auto left = body_size_ - body_offset_;
    if (to.size() > left) to = to.first(static_cast<std::size_t>(left));
    std::size_t given = to.size();
    if (request_.body_source) {
      given = request_.body_source(body_offset_, to);
      if (given == 0 || given > to.size()) {
        throw_invalid("request body: ended after " + std::to_string(body_offset_) + " of " +
                      std::to_string(body_size_) + " bytes");
      }
    } else {
      std::memcpy(to.data(), request_.body.data() + body_offset_, given);
    }
    body_offset_ += given;
    return given;
  }

  CurlConnection& connection_;
  const CurlRoute& route_;
  const HttpRequest& request_;
  HttpResponse& response_;
  LineList headers_;
  LineList connect_to_;
  char error_buffer_[CURL_ERROR_SIZE] = {};
  std::size_t header_bytes_ = 0;
  std::uint64_t body_size_ = 0;
  std::uint64_t body_offset_ = 0;
  std::exception_ptr thrown_;
  std::optional<steady_clock::time_point> crossing_end_;  // set once the connection is half closed
};

}  // namespace

void run_curl_transfer(CurlConnection& connection, const HttpClientOptions& options,
                       const CurlRoute& route, const HttpRequest& request, const Url& url,
                       milliseconds total, HttpResponse& response) {
  Transfer transfer(connection, route, request, response);
  transfer.configure(options, url, total);
  transfer.run();
}

}  // namespace echo
