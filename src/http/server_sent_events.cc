#include "http/server_sent_events.h"

#include <algorithm>

namespace echo::http {

std::string server_sent_event(std::string_view name, std::string_view data) {
  std::string event;
  event.reserve(name.size() + data.size() + 32);
  if (!name.empty()) event.append("event: ").append(name).append("\n");
  for (;;) {
    const size_t end = std::min(data.find('\n'), data.size());
    event.append("data: ").append(data.substr(0, end)).append("\n");
    if (end == data.size()) break;
    data.remove_prefix(end + 1);
  }
  return event.append("\n");
}

}  // namespace echo::http
