// compose.yaml step by step without Docker: its bucket, its server with its environment and command,
// and the request that its first lines name.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "audio/decode.h"
#include "base/file_io.h"
#include "support/child_process.h"
#include "support/paths.h"
#include "support/subprocess.h"
#include "support/temp_dir.h"

namespace echo {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::StartsWith;

json compose_file() {
  return json::parse(run_program(
      {"node", source_path("/tests/js/compose.js"), source_path("/compose.yaml")}));
}

std::string with(std::string text, const std::string& old, const std::string& now) {
  for (size_t at = 0; (at = text.find(old, at)) != text.npos; at += now.size()) {
    text.replace(at, old.size(), now);
  }
  return text;
}

// What compose gives for "${NAME-value}" where NAME is not set.
std::string unset(const std::string& value) {
  if (value.rfind("${", 0) != 0) return value;
  const size_t dash = value.find('-');
  return value.substr(dash + 1, value.size() - dash - 2);
}

// The line of the file's head that speaks, as a command of the shell.
std::string first_request() {
  std::ifstream file(source_path("/compose.yaml"));
  for (std::string line; std::getline(file, line) && line[0] == '#';) {
    const size_t at = line.find("ECHO_URL=");
    if (at != line.npos) return line.substr(at);
  }
  return "";
}

TEST(NetCompose, ItsServerSpeaksIntoItsBucketAtTheRequestThatItsHeadNames) {
  const json services = compose_file().at("services");
  const json& account = services.at("s3").at("environment");
  const json& server = services.at("echo-tts");
  const TempDir dir;

  const std::string bucket_name = server.at("environment").at("S3_BUCKET_NAME");
  EXPECT_THAT(services.at("s3").at("entrypoint").back().get<std::string>(),
              HasSubstr("mkdir -p /data/" + bucket_name));
  ChildProcess bucket(
      {"node", source_path("/tests/js/s3_server.js"), (dir / "data").string(), bucket_name},
      {"S3_ACCESS_KEY_ID=" + account.at("MINIO_ROOT_USER").get<std::string>(),
       "S3_SECRET_ACCESS_KEY=" + account.at("MINIO_ROOT_PASSWORD").get<std::string>()});
  const auto port = bucket.read_line(std::chrono::minutes(4));
  ASSERT_TRUE(port);
  const std::string bucket_url = "http://127.0.0.1:" + *port;

  const fs::path voices = dir / "volume/echo-tts/audio_voices";
  fs::create_directories(voices.parent_path());
  for (const json& volume : server.at("volumes")) {
    const std::string text = volume;
    const size_t colon = text.find(':');
    if (text[0] != '.') continue;
    ASSERT_THAT(text.substr(colon), StartsWith(":/runpod-volume/echo-tts/audio_voices"));
    fs::create_directory_symlink(source_path(text.substr(1, colon - 1)), voices);
  }
  std::vector<std::string> environment = {
      "ECHO_PROGRAM=" + program_path(), "ECHO_VOLUME=" + (dir / "volume").string(),
      "ECHO_LOCAL_DIR=" + (dir / "local").string(),
      "ECHO_HEALTH_FILE=" + (dir / "health").string(), "ECHO_USER=root"};
  for (const auto& [name, value] : server.at("environment").items()) {
    environment.push_back(
        name + "=" + with(unset(value), "http://127.0.0.1:9000", bucket_url));
  }
  std::vector<std::string> command = {source_path("/docker/bootstrap.sh")};
  for (const json& argument : server.at("command")) command.push_back(argument);
  command.insert(command.end(), {"--rp_api_port", "0"});  // 8000 may be somebody else's
  ChildProcess worker(command, environment);
  std::string api_port;
  while (const auto line = worker.read_line(std::chrono::minutes(4))) {
    if (line->find("Listening on") != line->npos) api_port = line->substr(line->rfind(':') + 1);
    if (line->find("| Ready") != line->npos) break;
  }
  ASSERT_FALSE(api_port.empty());

  const std::string request =
      with(with(first_request(), ":8000/", ":" + api_port + "/"), " samples/",
           " " + source_path("/samples/"));
  ASSERT_THAT(request, HasSubstr("speak.sh"));
  ProcessOptions options;
  options.environment = {"ECHO_POLL_SECONDS=0.1", R"(ECHO_PARAMETERS={"num_steps": 8})"};
  const ProcessResult spoken =
      run_process({"/bin/sh", "-c", "cd '" + dir.path().string() + "' && " + request}, options);
  ASSERT_EQ(spoken.exit_code, 0) << spoken.out << spoken.err;
  const DecodedAudio audio = decode_audio_file((dir / "hello.ogg").string());
  EXPECT_EQ(audio.codec, "opus");
  EXPECT_GT(audio.samples.size(), 10'000U);
  // It came out of the bucket.
  size_t objects = 0;
  for (const auto& entry : fs::recursive_directory_iterator(dir / ("data/" + bucket_name))) {
    objects += entry.path().filename().string().find(".ogg") != std::string::npos;
  }
  EXPECT_GT(objects, 0U);
  worker.signal(SIGTERM);
  EXPECT_EQ(worker.wait(), 0);
}

}  // namespace
}  // namespace echo
