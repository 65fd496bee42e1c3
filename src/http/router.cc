#include "http/router.h"

#include <algorithm>

#include "net/url.h"

namespace echo::http {
namespace {

// "/a/b" has the parts "a" and "b", "/" has one that is empty.
std::vector<std::string_view> parts_of(std::string_view path) {
  std::vector<std::string_view> parts;
  while (!path.empty()) {
    path.remove_prefix(1);
    const size_t end = std::min(path.find('/'), path.size());
    parts.push_back(path.substr(0, end));
    path.remove_prefix(end);
  }
  return parts;
}

bool fits(std::string_view pattern, std::string_view path,
          const std::vector<std::string_view>& found,
          std::map<std::string, std::string>* parameters) {
  const std::vector<std::string_view> wanted = parts_of(pattern);
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (i >= found.size()) return false;
    std::string_view name = wanted[i];
    if (!name.starts_with('{')) {
      if (name != percent_decode(found[i])) return false;
      continue;
    }
    if (found[i].empty()) return false;
    name = name.substr(1, name.size() - 2);
    if (name.ends_with('*')) {
      name.remove_suffix(1);
      const auto begin = static_cast<size_t>(found[i].data() - path.data());
      (*parameters)[std::string(name)] = path.substr(begin);
      return true;
    }
    (*parameters)[std::string(name)] = percent_decode(found[i]);
  }
  return wanted.size() == found.size();
}

}  // namespace

void Router::add(Route route) { routes_.push_back(std::move(route)); }

RouteMatch Router::match(std::string_view method, std::string_view path) const {
  RouteMatch match;
  const std::vector<std::string_view> parts = parts_of(path);
  const std::string_view wanted = method == "HEAD" ? "GET" : method;
  for (const Route& route : routes_) {
    std::map<std::string, std::string> parameters;
    if (!fits(route.pattern, path, parts, &parameters)) continue;
    if (route.method == wanted) return {&route, std::move(parameters), {}};
    match.allowed.push_back(route.method);
  }
  return match;
}

std::optional<std::string> query_parameter(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    const size_t end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    const size_t equals = std::min(pair.find('='), pair.size());
    if (pair.substr(0, equals) == name) {
      return percent_decode(pair.substr(std::min(equals + 1, pair.size())));
    }
  }
  return std::nullopt;
}

}  // namespace echo::http
