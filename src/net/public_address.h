// Which addresses are out on the internet.
#pragma once

#include <sys/socket.h>

#include <optional>
#include <string>

namespace echo {

// False for loopback, private, link-local (cloud metadata among them), carrier, multicast, reserved
// and documentation ranges, for IPv4 ones inside IPv6 as well, and for anything but IP.
bool is_public_address(const sockaddr& address);

// An address of the host, "1.2.3.4" or "[2001:db8::1]", if all that the system's resolver gives for
// it are public. Otherwise nothing, and `problem` says why.
std::optional<std::string> public_address_of(const std::string& host, std::string& problem);

}  // namespace echo
