#include "net/public_address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <memory>

namespace echo {
namespace {

struct Range4 {
  std::uint32_t network;
  int bits;
};

constexpr std::uint32_t ip(std::uint32_t a, std::uint32_t b, std::uint32_t c = 0,
                           std::uint32_t d = 0) {
  return a << 24 | b << 16 | c << 8 | d;
}

// The IANA registry of special-purpose IPv4 addresses, and multicast.
constexpr Range4 kSpecial4[] = {
    {ip(0, 0), 8},         {ip(10, 0), 8},     {ip(100, 64), 10},   {ip(127, 0), 8},
    {ip(169, 254), 16},    {ip(172, 16), 12},  {ip(192, 0, 0), 24}, {ip(192, 0, 2), 24},
    {ip(192, 88, 99), 24}, {ip(192, 168), 16}, {ip(198, 18), 15},   {ip(198, 51, 100), 24},
    {ip(203, 0, 113), 24}, {ip(224, 0), 4},    {ip(240, 0), 4},
};

bool is_public4(std::uint32_t address) {
  return std::none_of(std::begin(kSpecial4), std::end(kSpecial4), [&](const Range4& range) {
    const std::uint32_t mask = ~std::uint32_t{0} << (32 - range.bits);
    return (address & mask) == range.network;
  });
}

std::uint32_t word(const std::array<std::uint8_t, 16>& bytes, std::size_t at) {
  return ip(bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]);
}

bool is_public6(const std::array<std::uint8_t, 16>& bytes) {
  const bool zero_start =
      std::all_of(bytes.begin(), bytes.begin() + 10, [](auto b) { return b == 0; });
  if (zero_start && bytes[10] == 0xff && bytes[11] == 0xff) return is_public4(word(bytes, 12));
  if (word(bytes, 0) == 0x0064ff9b) return false;  // translation to IPv4
  if ((bytes[0] & 0xe0) != 0x20) return false;     // only 2000::/3 is handed out
  if (bytes[0] == 0x20 && bytes[1] == 0x02) return is_public4(word(bytes, 2));  // 6to4
  if (word(bytes, 0) == 0x20010db8) return false;                               // documentation
  return word(bytes, 0) >> 9 != 0x20010000u >> 9;  // 2001::/23: Teredo and other protocols
}

}  // namespace

bool is_public_address(const sockaddr& address) {
  if (address.sa_family == AF_INET) {
    sockaddr_in v4;
    std::memcpy(&v4, &address, sizeof v4);
    return is_public4(ntohl(v4.sin_addr.s_addr));
  }
  if (address.sa_family == AF_INET6) {
    sockaddr_in6 v6;
    std::memcpy(&v6, &address, sizeof v6);
    std::array<std::uint8_t, 16> bytes;
    std::memcpy(bytes.data(), &v6.sin6_addr, sizeof bytes);
    return is_public6(bytes);
  }
  return false;
}

std::optional<std::string> public_address_of(const std::string& host, std::string& problem) {
  const bool bracketed = host.size() > 2 && host.front() == '[';
  const std::string name = bracketed ? host.substr(1, host.size() - 2) : host;
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  if (const int error = ::getaddrinfo(name.c_str(), nullptr, &hints, &list); error != 0) {
    problem = "the name " + host + " cannot be looked up here (" + ::gai_strerror(error) +
              "), so nobody can tell whether it is public";
    return std::nullopt;
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(list, &::freeaddrinfo);
  for (const addrinfo* one = list; one; one = one->ai_next) {
    if (is_public_address(*one->ai_addr)) continue;
    problem = "the host's address is not a public one";
    return std::nullopt;
  }
  char text[NI_MAXHOST] = {};
  if (::getnameinfo(list->ai_addr, list->ai_addrlen, text, sizeof text, nullptr, 0,
                    NI_NUMERICHOST) != 0) {
    problem = "the host has no address";
    return std::nullopt;
  }
  return list->ai_family == AF_INET6 ? "[" + std::string(text) + "]" : std::string(text);
}

}  // namespace echo
