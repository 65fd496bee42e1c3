// What all connections of the HTTP server share. Only the server's own files include this: it brings
// the networking library with it.
#pragma once

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <condition_variable>
#include <list>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include "http/http_server.h"

namespace echo::http {

class HttpSession;

namespace asio = boost::asio;
using asio::ip::tcp;
using ErrorStatus = boost::system::error_code;
using Milliseconds = std::chrono::milliseconds;
using Strand = asio::strand<asio::io_context::executor_type>;
using Socket = asio::basic_stream_socket<tcp, Strand>;

// Sessions keep it alive, so that a Reply which comes too late finds an object that refuses.
class HttpServer::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(const HttpServerOptions& options, HttpService& service);

  void listen();
  void accept();
  void close_acceptor();
  void for_each_session(const std::function<void(HttpSession&)>& work_item);
  void remove(HttpSession* session);
  // Runs on the session's strand, unless the server has stopped.
  void post(const Strand& strand, std::function<void()> work);
  bool reserve(std::size_t bytes);
  // Whether there are more connections than there should be.
  bool crowded();
  // What a session tells of itself, so that idle ones can make room for others.
  void set_idle(HttpSession& session, bool idle);

  const HttpServerOptions options;
  HttpService& service;
  asio::io_context context;
  asio::executor_work_guard<asio::io_context::executor_type> work;
  Strand accept_strand;
  asio::basic_socket_acceptor<tcp, Strand> acceptor;
  asio::steady_timer accept_pause;
  int port = 0;
  std::vector<std::thread> threads;
  std::atomic<bool> draining{false};
  std::atomic<std::size_t> buffered{0};

  std::mutex mutex;  // guards what follows
  std::condition_variable changed;
  std::unordered_map<HttpSession*, std::weak_ptr<HttpSession>> sessions;
  std::list<HttpSession*> idle;     // the longest idle first
  std::list<HttpSession*> surplus;  // those over the limit, the oldest first
  bool stopped = false;
};

}  // namespace echo::http
