// The container's command, with a script in the program's place that tells how it was called.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/atomic_file.h"
#include "base/file_io.h"
#include "support/child_process.h"
#include "support/paths.h"
#include "support/subprocess.h"
#include "support/temp_dir.h"

namespace echo {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

const std::string kBootstrap = source_path("/docker/bootstrap.sh");
const std::string kHealthCheck = source_path("/docker/healthcheck.sh");

// Tells its process, its arguments and the folders that it was given.
constexpr char kStandIn[] = R"SCRIPT(#!/bin/bash
echo "called $*"
echo "pid $$ uid $(id -u)"
for name in HF_HUB_CACHE AUDIO_VOICES_DIR OUTPUT_AUDIO_DIR ECHO_SERVED_DIR ECHO_LOG_FILE \
  ECHO_MODEL_DIR ECHO_API_HOST ECHO_HEALTH_FILE; do
  echo "$name=${!name-}"
done
if [ "$2" = --prepare ]; then
  if [ -n "${PREPARE_HANGS-}" ]; then
    trap 'exit 143' TERM
    echo started >"$PREPARE_HANGS"
    while :; do sleep 0.05; done
  fi
  exit "${PREPARE_ENDS-0}"
fi
[ "$1" != download ] || exit "${DOWNLOAD_ENDS-0}"
[ "$2" != --warmup ] || exit "${WARMUP_ENDS-0}"
exit "${WORKER_ENDS-0}"
)SCRIPT";

class Bootstrap : public ::testing::Test {
 protected:
  void SetUp() override {
    write_file_atomically(dir_ / "echo-tts", kStandIn);
    fs::permissions(dir_ / "echo-tts", fs::perms::owner_all | fs::perms::others_exec |
                                           fs::perms::others_read | fs::perms::group_exec);
    fs::create_directory(volume());
    environment_ = {"ECHO_PROGRAM=" + (dir_ / "echo-tts").string(),
                    "ECHO_VOLUME=" + volume().string(),
                    "ECHO_LOCAL_DIR=" + local().string(),
                    "ECHO_HEALTH_FILE=" + (dir_ / "health").string(),
                    "ECHO_BAKED_MODEL=" + (dir_ / "baked").string(),
                    "ECHO_USER=root",
                    "PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"};
  }

  fs::path volume() const { return dir_ / "volume"; }
  fs::path local() const { return dir_ / "local"; }
  void set(const std::string& entry) { environment_.push_back(entry); }
  void set_queue() {
    for (const char* entry :
         {"RUNPOD_WEBHOOK_GET_JOB=http://127.0.0.1:9/job-take/$ID",
          "RUNPOD_WEBHOOK_POST_OUTPUT=http://127.0.0.1:9/job-done/$ID",
          "RUNPOD_WEBHOOK_PING=http://127.0.0.1:9/ping", "RUNPOD_AI_API_KEY=canary-key",
          "RUNPOD_POD_ID=pod/1", "S3_ENDPOINT_URL=https://s3.example", "S3_ACCESS_KEY_ID=id",
          "S3_SECRET_ACCESS_KEY=canary-secret", "BUCKET_NAME=tts"}) {
      set(entry);
    }
  }

  // `before`: a command in front of it, e.g. to give it mounts of its own.
  ProcessResult run(const std::vector<std::string>& arguments = {},
                    const std::vector<std::string>& before = {}) {
    std::vector<std::string> all = {"/usr/bin/env", "-i"};
    all.insert(all.end(), environment_.begin(), environment_.end());
    all.insert(all.end(), before.begin(), before.end());
    all.push_back(kBootstrap);
    all.insert(all.end(), arguments.begin(), arguments.end());
    return run_process(all);
  }

  // With the volume mounted in a way of its own; skips the test where that is forbidden.
  ProcessResult run_mounted(const std::string& mount) {
    const std::vector<std::string> own = {"unshare", geteuid() == 0 ? "-m" : "-rm"};
    ProcessResult allowed =
        run_process({"/usr/bin/unshare", own[1], "mount", "-t", "tmpfs", "tmpfs", "/mnt"});
    if (allowed.exit_code != 0) return {};
    return run({}, {own[0], own[1], "sh", "-ec", mount + "; exec \"$0\" \"$@\""});
  }

  TempDir dir_;
  std::vector<std::string> environment_;
};

TEST_F(Bootstrap, BecomesTheWorkerWithItsArgumentsAndExitCode) {
  set_queue();
  set("WORKER_ENDS=7");
  const ProcessResult result = run({"--device", "cpu", "--rp_log_level=DEBUG"});
  EXPECT_EQ(result.exit_code, 7);
  EXPECT_THAT(result.out, HasSubstr("called worker --device cpu --rp_log_level=DEBUG\n"));
  EXPECT_THAT(result.out,
              HasSubstr("HF_HUB_CACHE=" + (volume() / "huggingface-cache/hub").string()));
  EXPECT_THAT(result.out,
              HasSubstr("AUDIO_VOICES_DIR=" + (volume() / "echo-tts/audio_voices").string()));
  EXPECT_THAT(result.out,
              HasSubstr("ECHO_LOG_FILE=" + (volume() / "echo-tts/logs/worker-pod_1.log").string()));
  EXPECT_THAT(result.out, Not(HasSubstr("WARN")));
  EXPECT_THAT(result.out, Not(HasSubstr("ERROR")));
  EXPECT_THAT(result.out, HasSubstr("ECHO_HEALTH_FILE=" + (dir_ / "health").string()));
  // The settings are checked before.
  EXPECT_LT(result.out.find("called worker --prepare --device cpu --rp_log_level=DEBUG\n"),
            result.out.find("called worker --device cpu"));
}

TEST_F(Bootstrap, TheWorkerTakesTheScriptsProcess) {
  set_queue();
  std::vector<std::string> command = {"env", "-i"};
  command.insert(command.end(), environment_.begin(), environment_.end());
  command.push_back(kBootstrap);
  ChildProcess bootstrap(command);
  std::string last;
  while (const auto line = bootstrap.read_line(std::chrono::minutes(4))) {
    if (line->starts_with("pid ")) last = *line;
  }
  EXPECT_THAT(last, HasSubstr("pid " + std::to_string(bootstrap.pid()) + " "));
  EXPECT_EQ(bootstrap.wait(), 0);
}

TEST_F(Bootstrap, ASecondRunFindsEverythingAsTheFirstLeftIt) {
  set_queue();
  const auto entries = [&] {
    std::vector<std::string> names;
    for (const auto& entry : fs::recursive_directory_iterator(volume())) {
      names.push_back(entry.path());
    }
    std::sort(names.begin(), names.end());
    return names;
  };
  EXPECT_EQ(run().exit_code, 0);
  const std::vector<std::string> first = entries();
  EXPECT_FALSE(first.empty());
  EXPECT_EQ(run().exit_code, 0);
  EXPECT_EQ(entries(), first);
}

TEST_F(Bootstrap, RunsOtherCommandsOfTheProgram) {
  const ProcessResult result = run({"storage", "check"});
  EXPECT_EQ(result.exit_code, 0) << result.out;
  EXPECT_THAT(result.out, HasSubstr("called storage check\n"));
}

TEST_F(Bootstrap, WithoutAVolumeItWarnsAndUsesTheContainersOwnFolder) {
  set_queue();
  fs::remove(volume());
  ProcessResult result = run();
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.out, HasSubstr("WARN   | No volume at " + volume().string()));
  EXPECT_THAT(result.out, HasSubstr("HF_HUB_CACHE=" + (local() / "huggingface/hub").string()));
  EXPECT_THAT(result.out, HasSubstr("OUTPUT_AUDIO_DIR=" + (local() / "output_audio").string()));
  EXPECT_FALSE(fs::exists(volume()));

  set("ECHO_REQUIRE_VOLUME=true");
  result = run();
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.out, HasSubstr("ERROR  | No volume at " + volume().string()));
  EXPECT_THAT(result.out, Not(HasSubstr("called")));
}

TEST_F(Bootstrap, AReadOnlyVolumeIsNamedWithTheSystemsReason) {
  set_queue();
  const ProcessResult result = run_mounted("mount -t tmpfs -o ro tmpfs " + volume().string());
  if (result.exit_code < 0) GTEST_SKIP() << "no mounts are allowed here";
  EXPECT_EQ(result.exit_code, 0) << result.out;
  EXPECT_THAT(result.out, HasSubstr("WARN   | Volume " + volume().string() +
                                    " cannot be written (Read-only file system)"));
  EXPECT_THAT(result.out, HasSubstr("AUDIO_VOICES_DIR: there is no folder"));
  EXPECT_THAT(result.out, HasSubstr("OUTPUT_AUDIO_DIR=" + (local() / "output_audio").string()));
}

TEST_F(Bootstrap, AFullVolumeIsNamedWithTheSystemsReason) {
  set_queue();
  const std::string file = (volume() / "filler").string();
  const ProcessResult result =
      run_mounted("mount -t tmpfs -o size=64k tmpfs " + volume().string() +
                  "; head -c 65536 /dev/zero >" + file + " 2>/dev/null || true");
  if (result.exit_code < 0) GTEST_SKIP() << "no mounts are allowed here";
  EXPECT_EQ(result.exit_code, 0) << result.out;
  EXPECT_THAT(result.out, HasSubstr("WARN   | Volume " + volume().string() +
                                    " cannot be written (No space left on device)"));
}

TEST_F(Bootstrap, AFolderOfItsOwnThatCannotBeWrittenIsReplaced) {
  set_queue();
  std::ofstream(dir_ / "file") << "in the way";
  set("OUTPUT_AUDIO_DIR=" + (dir_ / "file/output").string());
  const ProcessResult result = run();
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.out,
              HasSubstr("WARN   | OUTPUT_AUDIO_DIR: " + (dir_ / "file/output").string() +
                        " cannot be written (Not a directory); using " +
                        (local() / "output_audio").string()));
}

TEST_F(Bootstrap, WhatThePreparationEndsWithIsItsOwnEnd) {
  set_queue();
  set("PREPARE_ENDS=2");
  const ProcessResult result = run({"--warmup"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.out, HasSubstr("called worker --prepare\n"));
  EXPECT_THAT(result.out, Not(HasSubstr("called worker\n")));
  EXPECT_THAT(result.out, Not(HasSubstr("--warmup")));
}

TEST_F(Bootstrap, ACheckGetsTheWeightsAndStartsNothing) {
  ProcessResult result = run({"--check", "--rp_serve_api"});
  EXPECT_EQ(result.exit_code, 0) << result.out;
  EXPECT_THAT(result.out, HasSubstr("called worker --prepare --rp_serve_api\n"));
  EXPECT_THAT(result.out, HasSubstr("bootstrap: everything is in place"));
  EXPECT_THAT(result.out, Not(HasSubstr("called worker --rp_serve_api")));
  set("DOWNLOAD_ENDS=1");
  result = run({"--check"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.out, HasSubstr("ERROR  | The weights are not there"));
}

TEST_F(Bootstrap, ASignalEndsThePreparationAndTheContainer) {
  set_queue();
  set("PREPARE_HANGS=" + (dir_ / "preparing").string());
  std::vector<std::string> command = {"env", "-i"};
  command.insert(command.end(), environment_.begin(), environment_.end());
  command.push_back(kBootstrap);
  ChildProcess bootstrap(command);
  while (!fs::exists(dir_ / "preparing")) usleep(10'000);
  bootstrap.signal(SIGTERM);
  EXPECT_EQ(bootstrap.wait(), 143);
}

TEST_F(Bootstrap, WarmsUpFirstWhenAskedAndSaysWhenThatFails) {
  set_queue();
  ProcessResult result = run({"--warmup", "--device", "cpu"});
  EXPECT_EQ(result.exit_code, 0);
  const size_t warmup = result.out.find("called worker --warmup --device cpu\n");
  const size_t worker = result.out.find("called worker --device cpu\n");
  EXPECT_LT(warmup, worker);
  EXPECT_NE(worker, std::string::npos) << result.out;
  set("WARMUP_ENDS=3");
  result = run({"--warmup"});
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_THAT(result.out, HasSubstr("ERROR  | The warm-up failed"));
  EXPECT_THAT(result.out, Not(HasSubstr("called worker\n")));
}

TEST_F(Bootstrap, TheServerListensBeyondTheContainerAndKeepsItsResults) {
  ProcessResult result = run({"--rp_serve_api"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.out, HasSubstr("called worker --rp_serve_api\n"));
  EXPECT_THAT(result.out, HasSubstr("ECHO_API_HOST=0.0.0.0\n"));
  EXPECT_THAT(result.out,
              HasSubstr("ECHO_SERVED_DIR=" + (volume() / "echo-tts/served_audio").string()));
  // It answers its health checks while it downloads, so nothing is downloaded before.
  EXPECT_THAT(result.out, Not(HasSubstr("called download")));
  set("ECHO_API_HOST=127.0.0.1");
  result = run({"--rp_serve_api"});
  EXPECT_THAT(result.out, HasSubstr("ECHO_API_HOST=127.0.0.1\n"));
}

TEST_F(Bootstrap, LinesAreJsonOnThePlatformAndAlsoInTheLogFile) {
  set("RUNPOD_ENDPOINT_ID=ep");
  std::ofstream(dir_ / "a \"file\" \\ here") << "in the way";
  set("OUTPUT_AUDIO_DIR=" + (dir_ / "a \"file\" \\ here/output").string());
  fs::remove(volume());
  const ProcessResult result = run({"doctor"});
  EXPECT_EQ(result.exit_code, 0);
  std::istringstream lines(result.out);
  std::string told;
  for (std::string line; std::getline(lines, line) && line.starts_with('{');) {
    const auto json = nlohmann::json::parse(line);
    EXPECT_TRUE(json.at("requestId").is_null());
    EXPECT_FALSE(json.at("message").get<std::string>().empty());
    told += line + "\n";
  }
  EXPECT_THAT(told, HasSubstr("No volume at"));
  EXPECT_THAT(told, HasSubstr("cannot be written"));
  const fs::path log = fs::directory_iterator(local() / "logs")->path();
  EXPECT_EQ(read_file(log), told);
}

TEST_F(Bootstrap, LogsOfWorkersThatAreGoneAreRemoved) {
  const fs::path logs = volume() / "echo-tts/logs";
  fs::create_directories(logs);
  for (const char* name : {"worker-old.log", "worker-old.log.2", "worker-new.log", "other.log"}) {
    std::ofstream(logs / name) << "line\n";
  }
  for (const char* name : {"worker-old.log", "worker-old.log.2", "other.log"}) {
    fs::last_write_time(logs / name, fs::file_time_type::clock::now() - std::chrono::hours(24 * 9));
  }
  EXPECT_EQ(run({"doctor"}).exit_code, 0);
  EXPECT_FALSE(fs::exists(logs / "worker-old.log"));
  EXPECT_FALSE(fs::exists(logs / "worker-old.log.2"));
  EXPECT_TRUE(fs::exists(logs / "worker-new.log"));
  EXPECT_TRUE(fs::exists(logs / "other.log"));
}

TEST_F(Bootstrap, BakedWeightsAreUsedUnlessAnotherModelIsNamed) {
  set_queue();
  EXPECT_THAT(run().out, HasSubstr("ECHO_MODEL_DIR=\n"));
  fs::create_directories(dir_ / "baked/echo-tts-base");
  EXPECT_THAT(run().out, HasSubstr("ECHO_MODEL_DIR=" + (dir_ / "baked").string() + "\n"));
  set("ECHO_MODEL_DIR=/other");
  EXPECT_THAT(run().out, HasSubstr("ECHO_MODEL_DIR=/other\n"));
}

TEST_F(Bootstrap, RootHandsTheVolumeOverAndTheWorkerIsNotRoot) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  set_queue();
  *std::find(environment_.begin(), environment_.end(), "ECHO_USER=root") = "ECHO_USER=nobody";
  // The folders above must be passable for that user; what is on the volume already stays root's.
  fs::permissions(dir_.path(), fs::perms::others_exec | fs::perms::others_read,
                  fs::perm_options::add);
  fs::create_directories(volume() / "huggingface-cache/hub/models--org--name");
  const ProcessResult result = run();
  EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
  EXPECT_THAT(result.out, HasSubstr(" uid 65534\n"));
  EXPECT_THAT(result.out, Not(HasSubstr("WARN")));
  struct stat status {};
  ASSERT_EQ(stat((volume() / "echo-tts").c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, 65534U);
  ASSERT_EQ(stat((volume() / "huggingface-cache/hub/models--org--name").c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, 0U);
}

TEST_F(Bootstrap, TheHealthCheckFollowsTheWorker) {
  const auto health = [&](const std::string& line) {
    write_file_atomically(dir_ / "health", line + "\n");
    ProcessOptions options;
    options.environment = {"ECHO_HEALTH_FILE=" + (dir_ / "health").string()};
    return run_process({kHealthCheck}, options);
  };
  ProcessOptions nothing;
  nothing.environment = {"ECHO_HEALTH_FILE=" + (dir_ / "none").string()};
  EXPECT_EQ(run_process({kHealthCheck}, nothing).exit_code, 1);
  const std::string self = std::to_string(getpid());
  EXPECT_EQ(health(self).exit_code, 0);
  EXPECT_EQ(health("999999999").out, "the worker has ended\n");
  const ProcessResult closed = health(self + " 1 /ping");
  EXPECT_EQ(closed.exit_code, 1);
  EXPECT_THAT(closed.out, HasSubstr("port 1 is closed"));
}

}  // namespace
}  // namespace echo
