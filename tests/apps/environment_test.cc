// Settings as people paste them, and the ways out that a company's network has.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "support/child_process.h"
#include "support/fake_platform.h"
#include "support/http_peer.h"
#include "support/paths.h"
#include "support/subprocess.h"
#include "support/temp_dir.h"

namespace echo {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class PastedSettings : public testing::Test {
 protected:
  using Variables = std::map<std::string, std::string>;

  ProcessResult run(const std::vector<std::string>& arguments, const Variables& variables) const {
    // Of a name that is there twice the first one counts, so the caller's own proxies do not.
    ProcessOptions options;
    std::vector<std::string> command = {"/usr/bin/env"};
    for (const char* name : {"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"}) {
      command.insert(command.end(), {"-u", name, "-u", lower(name)});
    }
    for (const auto& [name, value] : variables) command.push_back(name + "=" + value);
    command.push_back(program_path());
    command.insert(command.end(), arguments.begin(), arguments.end());
    return run_process(command, options);
  }
  static std::string lower(std::string text) {
    for (char& c : text) c = static_cast<char>(std::tolower(c));
    return text;
  }
  Variables bucket(const std::string& endpoint) const {
    return {{"S3_ENDPOINT_URL", endpoint},
            {"S3_ACCESS_KEY_ID", "AKID"},
            {"S3_SECRET_ACCESS_KEY", "secret"},
            {"S3_BUCKET_NAME", "tts"}};
  }

  TempDir dir_;
};

TEST_F(PastedSettings, BlanksAroundThemAreNoPartOfThem) {
  HttpPeer peer(scripted({{.status = 403}}));
  Variables variables = bucket(" " + peer.url() + "\n");
  variables["S3_ACCESS_KEY_ID"] = "AKID \r\n";
  variables["S3_SECRET_ACCESS_KEY"] = "secret\n";
  variables["S3_BUCKET_NAME"] = "\ttts ";
  variables["S3_REGION"] = "eu-west-9 ";
  variables["S3_PRESIGN_TTL_SECONDS"] = " 60 ";
  run({"storage", "check"}, variables);
  ASSERT_GE(peer.requests().size(), 1u);
  EXPECT_THAT(peer.requests()[0].target, testing::StartsWith("/tts/echo-tts-probe-"));
  EXPECT_THAT(peer.requests()[0].header("Authorization"),
              AllOf(HasSubstr("Credential=AKID/"), HasSubstr("/eu-west-9/s3/")));
}

TEST_F(PastedSettings, KeysThatAreNoneStopTheServer) {
  for (const char* keys : {",", " ", "canary,"}) {
    const ProcessResult result =
        run({"worker", "--rp_serve_api", "--rp_api_port", "0", "--model", dir_ / "none"},
            {{"ECHO_API_KEYS", keys}});
    EXPECT_EQ(result.exit_code, 2) << keys;
    EXPECT_THAT(result.err, AllOf(HasSubstr("ECHO_API_KEYS: key"), Not(HasSubstr("canary"))));
  }
}

TEST_F(PastedSettings, AModelsAddressIsAnsweredWithItsName) {
  const ProcessResult result =
      run({"download"}, {{"ECHO_MODEL", "https://huggingface.co/jordand/echo-tts-base"}});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, AllOf(HasSubstr("ECHO_MODEL: found the web address"),
                                HasSubstr("is it jordand/echo-tts-base?")));
  const ProcessResult directory =
      run({"say", "a", "--model", "https://huggingface.co/x/y", "-o", dir_ / "a.wav"}, {});
  EXPECT_EQ(directory.exit_code, 2);
  EXPECT_THAT(directory.err, HasSubstr("expected a directory"));
}

TEST_F(PastedSettings, ProxiesAreHeardByHubAndBucket) {
  HttpPeer proxy(scripted({{.status = 403}}));
  Variables variables = bucket("http://bucket.invalid");
  variables["HTTP_PROXY"] = proxy.url();
  run({"storage", "check"}, variables);
  ASSERT_GE(proxy.requests().size(), 1u);
  EXPECT_THAT(proxy.requests()[0].target, testing::StartsWith("http://bucket.invalid/tts/"));

  HttpPeer hub_proxy(scripted({{.status = 404}}));
  const ProcessResult download = run({"download"}, {{"http_proxy", hub_proxy.url()},
                                                    {"HF_ENDPOINT", "http://hub.invalid"},
                                                    {"HF_HOME", dir_ / "hub"}});
  EXPECT_EQ(download.exit_code, 1);
  ASSERT_GE(hub_proxy.requests().size(), 1u);
  EXPECT_THAT(hub_proxy.requests()[0].target, testing::StartsWith("http://hub.invalid/jordand/"));

  variables["NO_PROXY"] = "bucket.invalid";
  const size_t before = proxy.requests().size();
  run({"storage", "check"}, variables);
  EXPECT_EQ(proxy.requests().size(), before);
}

TEST_F(PastedSettings, AProxyOrAuthorityThatIsNoneIsNamed) {
  const ProcessResult proxy =
      run({"storage", "check"}, {{"HTTPS_PROXY", "gopher://user:canary@proxy"}});
  EXPECT_EQ(proxy.exit_code, 2);
  EXPECT_THAT(proxy.err, AllOf(HasSubstr("HTTPS_PROXY: found"), Not(HasSubstr("canary"))));
  const ProcessResult authority =
      run({"storage", "check"}, {{"AWS_CA_BUNDLE", (dir_ / "none.pem").string()}});
  EXPECT_EQ(authority.exit_code, 2);
  EXPECT_THAT(authority.err, HasSubstr("AWS_CA_BUNDLE: cannot read"));
}

TEST_F(PastedSettings, NamesOfFilesDoNotCommandTheTerminal) {
  fs::create_directories(dir_ / "voices");
  std::ofstream(dir_ / "voices" / "an\x1b[2Jna\nfalse.wav") << "sound";
  const ProcessResult voices = run({"voices", dir_ / "voices"}, {});
  EXPECT_THAT(voices.out, AllOf(HasSubstr("an\\u001b[2Jna\\nfalse.wav"), Not(HasSubstr("\x1b"))));
  const ProcessResult missing = run({"say", "a", "--model", "no\x1b[2Jne", "-o", "a.wav"}, {});
  EXPECT_THAT(missing.err, AllOf(HasSubstr("no\\u001b[2Jne"), Not(HasSubstr("\x1b"))));
  const ProcessResult command = run({"\x1b[2J"}, {});
  EXPECT_THAT(command.err, Not(HasSubstr("\x1b")));
  const ProcessResult option = run({"say", "--\x1b[2J"}, {});
  EXPECT_THAT(option.err, Not(HasSubstr("\x1b")));
}

TEST_F(PastedSettings, ASignalEndsAServersDownload) {
  HttpPeer hub([](const PeerRequest&) { return PeerReply{.delay = 1h}; });
  ChildProcess server(
      {program_path(), "worker", "--rp_serve_api", "--rp_api_port", "0", "--storage",
       (dir_ / "results").string()},
      {"HF_ENDPOINT=" + hub.url(), "HF_HOME=" + (dir_ / "hub").string(),
       "HF_HUB_DOWNLOAD_TIMEOUT=3600", "ECHO_MODEL_DIR=", "ECHO_MODEL=jordand/echo-tts-base",
       "OUTPUT_AUDIO_DIR=" + (dir_ / "output").string()});
  ASSERT_TRUE(hub.wait_for_requests(1));
  server.signal(SIGTERM);
  EXPECT_EQ(server.wait(), 0) << "the download would take an hour";
}

}  // namespace
}  // namespace echo
