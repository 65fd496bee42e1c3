// Which function answers which path.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/http_server.h"

namespace echo::http {

// A request on its way to a route's function.
struct Call {
  Request request;
  std::map<std::string, std::string> parameters;  // of the path, decoded
  Reply reply;

  const std::string& parameter(const std::string& name) const { return parameters.at(name); }
};

struct Route {
  std::string method;
  std::string pattern;  // "/status/{id}"; a last "{key*}" takes the rest of the path, not decoded
  std::function<void(Call)> handler;    // must not block
  std::uint64_t body_limit = 64 << 10;  // bytes
  bool open = false;                    // needs no API key
  bool vital = false;                   // answered also when there are too many connections
  // Looks at a request that has been let in before its body is read; may be null.
  std::function<std::optional<Response>(const Request& head)> refusal = {};
};

struct RouteMatch {
  const Route* route = nullptr;  // null: none
  std::map<std::string, std::string> parameters;
  std::vector<std::string> allowed;  // methods that the path has, if this one is not among them
};

// Routes are added before the first match(). Threads: match() any.
class Router {
 public:
  void add(Route route);
  // The first that fits. HEAD is answered as GET.
  RouteMatch match(std::string_view method, std::string_view path) const;
  const std::vector<Route>& routes() const { return routes_; }

 private:
  std::vector<Route> routes_;
};

// A parameter of a query, decoded; nothing if it is not there.
std::optional<std::string> query_parameter(std::string_view query, std::string_view name);

}  // namespace echo::http
