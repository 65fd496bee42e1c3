#include "net/network_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/file_io.h"
#include "support/temp_dir.h"
#include "support/thrown_error.h"
#include "tls_peer.h"

namespace echo {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

using Variables = std::map<std::string, std::string>;

HttpClientOptions options_of(const Variables& variables) {
  return network_options([&](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  });
}

std::string why_refused(const Variables& variables) {
  const Error error = error_of([&] { options_of(variables); });
  EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
  return error.what();
}

TEST(NetworkOptions, NothingSetIsNothing) {
  const HttpClientOptions options = options_of({});
  EXPECT_EQ(options.proxies.http + options.proxies.https + options.proxies.exceptions, "");
  EXPECT_EQ(options.ca_certificates, "");
}

TEST(NetworkOptions, ProxiesByTheirUsualNames) {
  struct Case {
    Variables variables;
    std::string http, https;
  };
  const Case cases[] = {
      {{{"HTTPS_PROXY", "a:1"}}, "", "a:1"},
      {{{"https_proxy", "a:1"}, {"HTTPS_PROXY", "b:1"}}, "", "a:1"},
      {{{"HTTP_PROXY", "a:1"}}, "a:1", ""},
      {{{"HTTP_PROXY", "a:1"}, {"REQUEST_METHOD", "GET"}}, "", ""},
      {{{"http_proxy", "a:1"}, {"REQUEST_METHOD", "GET"}}, "a:1", ""},
      {{{"ALL_PROXY", "a:1"}}, "a:1", "a:1"},
      {{{"all_proxy", "a:1"}, {"HTTP_PROXY", "b:1"}}, "b:1", "a:1"},
      {{{"HTTPS_PROXY", ""}, {"ALL_PROXY", "a:1"}}, "a:1", "a:1"},
  };
  for (const Case& one : cases) {
    const HttpClientOptions options = options_of(one.variables);
    EXPECT_EQ(options.proxies.http, one.http);
    EXPECT_EQ(options.proxies.https, one.https);
  }
  EXPECT_EQ(options_of({{"NO_PROXY", "a,b"}}).proxies.exceptions, "a,b");
  EXPECT_EQ(options_of({{"NO_PROXY", "a,b"}, {"no_proxy", "c"}}).proxies.exceptions, "c");
  EXPECT_THAT(why_refused({{"ALL_PROXY", "ftp://user:canary@h"}}),
              AllOf(HasSubstr("ALL_PROXY: found"), Not(HasSubstr("canary"))));
}

class Certificates : public testing::Test {
 protected:
  Certificates() {
    TlsPeer("one.example", dir_ / "one.pem");
    TlsPeer("two.example", dir_ / "two.pem");
  }
  std::string path(const std::string& name) const { return (dir_ / name).string(); }

  TempDir dir_;
};

TEST_F(Certificates, EveryNameIsHeardAndAllAreTrusted) {
  const std::string one = read_file(path("one.pem")), two = read_file(path("two.pem"));
  for (const char* name :
       {"SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "AWS_CA_BUNDLE"}) {
    EXPECT_EQ(options_of({{name, path("one.pem")}}).ca_certificates, one) << name;
  }
  EXPECT_EQ(options_of({{"SSL_CERT_FILE", path("one.pem")}, {"AWS_CA_BUNDLE", path("two.pem")}})
                .ca_certificates,
            one + two);
}

TEST_F(Certificates, AFolderGivesWhatLiesInIt) {
  const std::string one = read_file(path("one.pem")), two = read_file(path("two.pem"));
  write_file_atomically(path("README"), "no certificate");
  fs::create_symlink("one.pem", path("0a1b2c3d.0"));
  for (const char* name : {"SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"}) {
    EXPECT_EQ(options_of({{name, dir_.path().string()}}).ca_certificates, one + two) << name;
  }
  fs::create_directory(path("empty"));
  EXPECT_EQ(
      options_of({{"SSL_CERT_DIR", path("empty") + ":" + dir_.path().string()}}).ca_certificates,
      one + two);
}

TEST_F(Certificates, EachIsTakenOnceAndAKeyBesideItIsLeftOut) {
  const std::string one = read_file(path("one.pem")), two = read_file(path("two.pem"));
  write_file_atomically(path("bundle.pem"),
                        "# ours\n" + two + "-----BEGIN PRIVATE KEY-----\ncanary\n-----END PRIVATE "
                        "KEY-----\n" + one);
  EXPECT_EQ(options_of({{"SSL_CERT_FILE", path("one.pem")},
                        {"CURL_CA_BUNDLE", path("bundle.pem")},
                        {"REQUESTS_CA_BUNDLE", path("bundle.pem")},
                        {"SSL_CERT_DIR", dir_.path().string()}})
                .ca_certificates,
            one + two);
}

TEST_F(Certificates, WhatIsNoneIsNamed) {
  write_file_atomically(path("key.pem"), "-----BEGIN PRIVATE KEY-----\ncanary\n");
  EXPECT_THAT(why_refused({{"SSL_CERT_FILE", path("nothing.pem")}}),
              AllOf(HasSubstr("SSL_CERT_FILE: cannot read"), HasSubstr("nothing.pem")));
  EXPECT_THAT(why_refused({{"AWS_CA_BUNDLE", path("key.pem")}}),
              AllOf(HasSubstr("AWS_CA_BUNDLE: "), HasSubstr("key.pem has no certificate"),
                    Not(HasSubstr("canary"))));
  EXPECT_THAT(why_refused({{"SSL_CERT_DIR", path("nowhere")}}), HasSubstr("SSL_CERT_DIR: "));
}

}  // namespace
}  // namespace echo
