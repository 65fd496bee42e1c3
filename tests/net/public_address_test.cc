#include "net/public_address.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include <string>

#include "net/curl_http_client.h"
#include "support/http_peer.h"

namespace echo {
namespace {

bool is_public(const std::string& text) {
  if (text.find(':') != std::string::npos) {
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    EXPECT_EQ(inet_pton(AF_INET6, text.c_str(), &address.sin6_addr), 1) << text;
    return is_public_address(reinterpret_cast<const sockaddr&>(address));
  }
  sockaddr_in address{};
  address.sin_family = AF_INET;
  EXPECT_EQ(inet_pton(AF_INET, text.c_str(), &address.sin_addr), 1) << text;
  return is_public_address(reinterpret_cast<const sockaddr&>(address));
}

TEST(PublicAddress, M55_SpecialRangesAreNot) {
  for (const char* text : {"0.0.0.0",
                           "10.1.2.3",
                           "100.64.0.1",
                           "100.127.255.255",
                           "127.0.0.1",
                           "127.9.9.9",
                           "169.254.169.254",
                           "172.16.0.1",
                           "172.31.255.255",
                           "192.168.1.1",
                           "192.0.0.8",
                           "198.18.0.1",
                           "198.19.255.255",
                           "203.0.113.9",
                           "224.0.0.1",
                           "239.1.1.1",
                           "240.0.0.1",
                           "255.255.255.255",
                           "::",
                           "::1",
                           "fe80::1",
                           "fc00::1",
                           "fd12::1",
                           "ff02::1",
                           "::ffff:10.0.0.1",
                           "::ffff:169.254.169.254",
                           "64:ff9b::a00:1",
                           "2002:a00:1::",
                           "2001:db8::1",
                           "2001::1"}) {
    EXPECT_FALSE(is_public(text)) << text;
  }
}

TEST(PublicAddress, M55_OthersAre) {
  for (const char* text : {"1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.0", "172.15.0.1",
                           "172.32.0.1", "192.167.1.1", "198.17.0.1", "223.255.255.255",
                           "2606:4700::1111", "2a00:1450::1", "::ffff:8.8.8.8", "2002:808:808::"}) {
    EXPECT_TRUE(is_public(text)) << text;
  }
}

TEST(PublicAddress, M55_TheClientDoesNotConnectElsewhere) {
  HttpPeer peer(scripted({{}}));
  const auto client = make_http_client();
  HttpRequest request;
  request.url = peer.url("/");
  EXPECT_TRUE(client->perform(request).ok());
  request.public_hosts_only = true;
  for (const std::string& url :
       {peer.url("/"), "http://localhost:" + std::to_string(peer.port())}) {
    request.url = url;
    const HttpResponse response = client->perform(request);
    EXPECT_EQ(response.error, TransportError::kForbiddenHost) << response.error_text;
  }
  EXPECT_EQ(peer.requests().size(), 1u) << "not even over the kept connection";
}

}  // namespace
}  // namespace echo
