// Which addresses are out on the internet.
#pragma once

#include <sys/socket.h>

namespace echo {

// False for loopback, private, link-local (cloud metadata among them), carrier, multicast, reserved
// and documentation ranges, for IPv4 ones inside IPv6 as well, and for anything but IP.
bool is_public_address(const sockaddr& address);

}  // namespace echo
