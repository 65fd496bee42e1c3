// The settings that say who may call the server.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace echo::server {

// The keys in "key1, key2": without the blanks around each. Throws kInvalidArgument, with no key in
// the text, if one is empty: a list that was pasted wrong must not leave a door open. The empty
// list stands for no keys, one of blanks alone does not.
std::vector<std::string> parse_api_keys(std::string_view list);

// The names in "host1, .example.org, *". Throws kInvalidArgument for what is no name of a host.
std::vector<std::string> parse_allowed_hosts(std::string_view list);

}  // namespace echo::server
