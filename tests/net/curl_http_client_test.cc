// The client behind proxies: peers on loopback are the proxies, so no host that is named is real.
#include "net/curl_http_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>

#include "base/file_io.h"
#include "net/public_address.h"
#include "support/http_peer.h"
#include "support/temp_dir.h"
#include "tls_peer.h"

namespace echo {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

HttpRequest get(const std::string& url) {
  HttpRequest request;
  request.url = url;
  return request;
}

std::unique_ptr<HttpClient> client_behind(const std::string& proxy, std::string exceptions = "") {
  HttpClientOptions options;
  options.proxies = {proxy, proxy, std::move(exceptions)};
  return make_http_client(options);
}

// Opens every tunnel, and answers within it.
HttpPeer::Handler tunnel(const std::string& body) {
  return [body](const PeerRequest& request) {
    if (request.method == "CONNECT") return PeerReply{.raw = "HTTP/1.1 200 Go on\r\n\r\n"};
    return PeerReply{.body = body};
  };
}

TEST(HttpClientProxy, NothingIsReadFromTheEnvironment) {
  HttpPeer proxy(scripted({{.body = "by proxy"}}));
  ::setenv("http_proxy", proxy.url().c_str(), 1);
  HttpPeer peer(scripted({{.body = "direct"}}));
  EXPECT_EQ(make_http_client()->perform(get(peer.url("/"))).body, "direct");
  ::unsetenv("http_proxy");
}

TEST(HttpClientProxy, IsAskedForTheWholeAddressWithEveryByte) {
  HttpPeer proxy(scripted({{.body = "by proxy"}}));
  const auto client = client_behind(proxy.url());
  EXPECT_EQ(client->perform(get("http://host.invalid:8080/a/../b?c=+%7e")).body, "by proxy");
  const PeerRequest seen = proxy.requests().at(0);
  EXPECT_EQ(seen.target, "http://host.invalid:8080/a/../b?c=+%7e");
  EXPECT_EQ(seen.header("Host"), "host.invalid:8080");
}

TEST(HttpClientProxy, ExceptionsAreReachedWithoutIt) {
  HttpPeer proxy(scripted({{.body = "by proxy"}}));
  HttpPeer peer(scripted({{.body = "direct"}}));
  EXPECT_EQ(client_behind(proxy.url())->perform(get(peer.url("/"))).body, "direct");
  const auto client = client_behind(proxy.url(), "direct.invalid");
  EXPECT_EQ(client->perform(get("http://direct.invalid/")).error, TransportError::kResolve);
  EXPECT_EQ(proxy.requests().size(), 0u);
}

TEST(HttpClientProxy, GetsItsPasswordAndTheHostDoesNot) {
  HttpPeer proxy(tunnel("in the tunnel"));
  const std::string with_password = "http://user:canary@127.0.0.1:" + std::to_string(proxy.port());
  HttpRequest request = get("http://1.1.1.1/");
  request.public_hosts_only = true;
  EXPECT_EQ(client_behind(with_password)->perform(request).body, "in the tunnel");
  EXPECT_TRUE(proxy.requests().at(0).has_header("Proxy-Authorization"));
  EXPECT_FALSE(proxy.requests().at(1).has_header("Proxy-Authorization"));
}

TEST(HttpClientProxy, RefusalsNameTheProxy) {
  HttpPeer proxy([](const PeerRequest& request) {
    return PeerReply{.status = request.target.find("busy") != std::string::npos ? 503 : 407};
  });
  const auto client = client_behind("http://user:canary@127.0.0.1:" + std::to_string(proxy.port()));
  for (const char* url : {"http://host.invalid/", "https://host.invalid/"}) {
    const HttpResponse response = client->perform(get(url));
    EXPECT_EQ(response.error, TransportError::kProxy) << url << ": " << response.error_text;
    EXPECT_FALSE(is_transient(response));
    EXPECT_THAT(response.error_text, AllOf(HasSubstr("the proxy " + proxy.url()), HasSubstr("407"),
                                           HasSubstr("password"), Not(HasSubstr("canary"))));
  }
  const HttpResponse busy = client->perform(get("https://busy.invalid/"));
  EXPECT_EQ(busy.error, TransportError::kConnect) << busy.error_text;
  EXPECT_TRUE(is_transient(busy));
}

TEST(HttpClientProxy, AProxyThatIsNotThereIsNamed) {
  const HttpResponse response =
      client_behind("http://user:canary@127.0.0.1:1")->perform(get("http://host.invalid/"));
  EXPECT_EQ(response.error, TransportError::kConnect);
  EXPECT_THAT(response.error_text,
              AllOf(HasSubstr("proxy http://127.0.0.1:1"), Not(HasSubstr("canary"))));
}

TEST(HttpClientProxy, HttpsGoesThroughATunnelAndIsVerified) {
  TempDir dir;
  TlsPeer proxy("host.invalid", dir / "ca.pem", true);
  HttpClientOptions options;
  options.proxies.https = "http://127.0.0.1:" + std::to_string(proxy.port());
  EXPECT_EQ(make_http_client(options)->perform(get("https://host.invalid/")).error,
            TransportError::kTls);
  options.ca_certificates = read_file(dir / "ca.pem");
  const HttpResponse response = make_http_client(options)->perform(get("https://host.invalid/x"));
  EXPECT_EQ(response.body, "secure") << response.error_text;
  EXPECT_THAT(proxy.connect_request(), HasSubstr("CONNECT host.invalid:443 HTTP/1.1"));
  EXPECT_EQ(make_http_client(options)->perform(get("https://other.invalid/")).error,
            TransportError::kTls)
      << "the certificate is another host's";
}

TEST(HttpClientProxy, PublicHostsOnlyHoldsBehindAProxyToo) {
  HttpPeer proxy(tunnel("in the tunnel"));
  const auto client = client_behind(proxy.url());
  const auto perform = [&](const std::string& url) {
    HttpRequest request = get(url);
    request.public_hosts_only = true;
    return client->perform(request);
  };
  char own_name[256] = "localhost";
  ::gethostname(own_name, sizeof own_name - 1);
  for (const std::string& url :
       {std::string("http://10.0.0.1/"), std::string("https://169.254.169.254/latest/meta-data"),
        std::string("http://[fd00::1]/"), std::string("http://[::ffff:10.0.0.1]/"),
        std::string("http://127.1/"), std::string("http://0x7f000001/"),
        std::string("http://localhost/"), "http://" + std::string(own_name) + "/",
        std::string("http://no-such-host.invalid/")}) {
    const HttpResponse response = perform(url);
    EXPECT_NE(response.error, TransportError::kNone) << url;
  }
  EXPECT_EQ(proxy.requests().size(), 0u) << "the proxy was asked for a private address";
  EXPECT_THAT(perform("http://no-such-host.invalid/").error_text, HasSubstr("looked up here"));

  EXPECT_EQ(perform("http://8.8.8.8:81/x").body, "in the tunnel");
  EXPECT_EQ(proxy.requests().at(0).method, "CONNECT");
  EXPECT_EQ(proxy.requests().at(0).target, "8.8.8.8:81");
  EXPECT_EQ(proxy.requests().at(1).target, "/x");
  EXPECT_EQ(proxy.requests().at(1).header("Host"), "8.8.8.8:81");
}

TEST(HttpClientProxy, ARedirectBehindAProxyIsLookedAtAnew) {
  HttpPeer proxy([](const PeerRequest& request) {
    if (request.method == "CONNECT") return PeerReply{.raw = "HTTP/1.1 200 Go on\r\n\r\n"};
    return PeerReply{.status = 302, .headers = {{"Location", "http://192.168.1.1/admin"}}};
  });
  HttpRequest request = get("http://8.8.8.8/");
  request.public_hosts_only = true;
  const HttpResponse response = client_behind(proxy.url())->perform(request);
  EXPECT_EQ(response.error, TransportError::kForbiddenHost) << response.error_text;
  EXPECT_EQ(proxy.requests().size(), 2u);
}

TEST(HttpClientHops, TheHostThatAnsweredIsNamed) {
  HttpPeer second(scripted({{.status = 403}}));
  HttpPeer first(scripted({{.status = 302, .headers = {{"Location", second.url("/x?secret=1")}}}}));
  const std::string asked = first.url("/a?b");
  const HttpResponse response = make_http_client()->perform(get(asked));
  EXPECT_EQ(response.status, 403);
  EXPECT_EQ(response.redirects, 1);
  EXPECT_EQ(answering_host(asked, response), second.url() + " (redirect 1 of " + first.url() + ")");
  HttpPeer alone(scripted({{.status = 403}}));
  EXPECT_EQ(answering_host(alone.url("/x"), make_http_client()->perform(get(alone.url("/x")))),
            alone.url());
}

TEST(PublicAddressOf, OnlyOfHostsWithoutAPrivateOne) {
  std::string problem;
  EXPECT_EQ(public_address_of("8.8.8.8", problem), "8.8.8.8");
  EXPECT_EQ(public_address_of("[2606:4700::1111]", problem), "[2606:4700::1111]");
  EXPECT_EQ(public_address_of("10.1.2.3", problem), std::nullopt);
  EXPECT_THAT(problem, HasSubstr("not a public one"));
  EXPECT_EQ(public_address_of("localhost", problem), std::nullopt);
  EXPECT_EQ(public_address_of("no-such-host.invalid", problem), std::nullopt);
  EXPECT_THAT(problem, HasSubstr("no-such-host.invalid cannot be looked up"));
}

}  // namespace
}  // namespace echo
