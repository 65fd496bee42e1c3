#include "http/http_server.h"

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/post.hpp>
#include <utility>

#include "base/error.h"
#include "http/http_session.h"
#include "http/responses.h"

namespace echo::http {
namespace {

// Connections over the limit that are heard; of more the oldest is closed.
constexpr std::size_t kSurplusConnections = 64;
constexpr Milliseconds kAcceptPause{100};  // when descriptors have run out

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
    std::shared_ptr<HttpSession> session, leaving;
    {
      const std::lock_guard lock(mutex);
      if (stopped) return;
      bool over_limit = sessions.size() - surplus.size() >= options.max_connections;
      if (over_limit && !idle.empty()) {
        leaving = sessions[idle.front()].lock();
        idle.pop_front();
        over_limit = false;
      } else if (over_limit && surplus.size() >= kSurplusConnections) {
        leaving = sessions[surplus.front()].lock();
        surplus.pop_front();
      }
      session = std::make_shared<HttpSession>(std::move(*socket), shared_from_this(), over_limit);
      sessions.emplace(session.get(), session);
      if (over_limit) surplus.push_back(session.get());
    }
    if (leaving) {
      asio::post(leaving->strand(), [leaving] {
        leaving->over_limit() ? leaving->close() : leaving->close_if_idle();
      });
    }
    asio::post(session->strand(), [session] { session->start(); });
    accept();
  });
}

void HttpServer::Impl::remove(HttpSession* session) {
  const std::lock_guard lock(mutex);
  idle.remove(session);
  surplus.remove(session);
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

bool HttpServer::Impl::crowded() {
  const std::lock_guard lock(mutex);
  return sessions.size() - surplus.size() > options.max_connections;
}

void HttpServer::Impl::set_idle(HttpSession& session, bool is_idle) {
  const std::lock_guard lock(mutex);
  idle.remove(&session);
  if (is_idle) idle.push_back(&session);
}

bool HttpServer::Impl::reserve(std::size_t bytes) {
  if (buffered.fetch_add(bytes) + bytes <= options.max_buffered_bytes) return true;
  buffered -= bytes;
  return false;
}

HttpServer::HttpServer(const HttpServerOptions& options, HttpService& service)
    : impl_(std::make_shared<Impl>(options, service)) {
  impl_->listen();
}

void HttpServer::serve() {
  asio::post(impl_->accept_strand, [impl = impl_.get()] { impl->accept(); });
  for (int i = 0; i < impl_->options.threads; ++i) {
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

Response HttpService::refusal(const Request&, int status, std::string_view text) {
  return error_response(status, text);
}

std::string_view reason_phrase(int status) {
  const auto phrase = beast::obsolete_reason(static_cast<beast::status>(status));
  return {phrase.data(), phrase.size()};
}

}  // namespace echo::http
