// The text/event-stream format of HTML, for answers that are read while they are made.
#pragma once

#include <string>
#include <string_view>

namespace echo::http {

// One event: its name, and its data, each line of which becomes a line of its own. An empty name is
// left out.
std::string server_sent_event(std::string_view name, std::string_view data);

// A line that readers skip: it tells proxies that the connection lives.
inline constexpr std::string_view kKeepAliveComment = ": keep-alive\n\n";
inline constexpr std::string_view kEventStreamType = "text/event-stream; charset=utf-8";

}  // namespace echo::http
