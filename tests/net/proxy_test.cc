#include "net/proxy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "support/thrown_error.h"

namespace echo {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

std::string chosen(const ProxyOptions& options, const std::string& url) {
  return proxy_for(options, parse_url(url));
}

TEST(Proxy, EachSchemeHasItsOwn) {
  const ProxyOptions options{.http = "http://a:1", .https = "http://b:2", .exceptions = ""};
  EXPECT_EQ(chosen(options, "http://host.example/x"), "http://a:1");
  EXPECT_EQ(chosen(options, "https://host.example/x"), "http://b:2");
  EXPECT_EQ(chosen({}, "https://host.example/x"), "");
}

TEST(Proxy, ThisMachineIsNeverAskedOfOne) {
  const ProxyOptions options{.http = "http://a:1", .https = "http://a:1", .exceptions = ""};
  for (const char* url : {"http://localhost:9000/", "http://minio.localhost/", "http://127.0.0.1/",
                          "http://127.9.9.9/", "https://[::1]:8000/"}) {
    EXPECT_EQ(chosen(options, url), "") << url;
  }
  EXPECT_NE(chosen(options, "http://localhost.example/"), "");
}

TEST(Proxy, ExceptionsAreNamesAddressesAndRanges) {
  struct Case {
    const char* exceptions;
    const char* url;
    bool straight;
  };
  const Case cases[] = {
      {"*", "http://host.example/", true},
      {"host.example", "http://host.example/", true},
      {"HOST.Example", "http://host.example/", true},
      {"example", "http://host.example/", true},
      {".example", "http://host.example/", true},
      {"*.example", "http://host.example/", true},
      {".host.example", "http://host.example/", true},
      {"ost.example", "http://host.example/", false},
      {"host", "http://host.example/", false},
      {"host.example.org", "http://host.example/", false},
      {"host.example", "http://host.example./", true},
      {"a.example, b.example c.example", "http://c.example/", true},
      {",,", "http://host.example/", false},
      {".", "http://host.example/", false},
      {"host.example:9000", "http://host.example:9000/", true},
      {"host.example:9000", "http://host.example/", false},
      {"10.0.0.7", "http://10.0.0.7/", true},
      {"10.0.0.7", "http://10.0.0.70/", false},
      {"10.0.0.0/8", "http://10.200.3.4:80/", true},
      {"10.0.0.0/8", "http://11.0.0.1/", false},
      {"10.0.0.0/33", "http://10.0.0.1/", false},
      {"192.168.128.0/17", "http://192.168.200.1/", true},
      {"192.168.128.0/17", "http://192.168.100.1/", false},
      {"fd00::/8", "http://[fd12::1]/", true},
      {"fd00::/8", "http://[fe12::1]/", false},
      {"[fd12::1]:8080", "http://[fd12::1]:8080/", true},
      {"[fd12::1]:8080", "http://[fd12::1]/", false},
      {"fd12::1", "http://[fd12::1]/", true},
      {"::/0", "http://10.0.0.1/", true},
      {"0.0.0.0/0", "http://[fd12::1]/", false},
  };
  for (const Case& one : cases) {
    const ProxyOptions options{.http = "p:1", .https = "p:1", .exceptions = one.exceptions};
    EXPECT_EQ(chosen(options, one.url).empty(), one.straight)
        << one.exceptions << " for " << one.url;
  }
}

TEST(Proxy, AddressesOfProxies) {
  for (const char* good : {"proxy.example:3128", "proxy.example", "http://proxy.example:3128/",
                           "https://u:p@proxy.example", "SOCKS5H://10.0.0.1:1080",
                           "http://[fd00::1]:3128", "http://user:p%40ss@proxy.example:1"}) {
    EXPECT_NO_THROW(check_proxy("HTTPS_PROXY", good)) << good;
  }
  for (const char* bad :
       {"ftp://user:canary@proxy.example", "http://user:canary@:3128",
        "http://user:canary@proxy.example:port", "http://user:canary@two words", "http://"}) {
    const Error error = error_of([&] { check_proxy("HTTPS_PROXY", bad); });
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument) << bad;
    EXPECT_THAT(error.what(), AllOf(HasSubstr("HTTPS_PROXY: found"), Not(HasSubstr("canary"))));
  }
  EXPECT_EQ(proxy_for_display("http://user:canary@proxy.example:3128/x"),
            "http://proxy.example:3128");
  EXPECT_EQ(proxy_for_display("proxy.example:3128"), "http://proxy.example:3128");
}

}  // namespace
}  // namespace echo
