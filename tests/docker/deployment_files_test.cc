// The files that a platform reads, and the document that a person reads, against the sources.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "base/atomic_file.h"
#include "base/file_io.h"
#include "support/paths.h"
#include "support/subprocess.h"
#include "support/temp_dir.h"

namespace echo {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::Not;

const fs::path kRoot = source_path();

std::string file(const std::string& name) { return read_file(kRoot / name); }

// Variables that the program says it reads, those of the platform that it is given, and those of
// the container's scripts.
const std::set<std::string>& variables() {
  static const std::set<std::string> names = [] {
    std::set<std::string> all = {"ECHO_VOLUME",  "ECHO_LOCAL_DIR", "ECHO_BAKED_MODEL",
                                 "ECHO_PROGRAM", "ECHO_USER",      "ECHO_REQUIRE_VOLUME",
                                 "ECHO_LOG_DIR", "ECHO_LOG_DAYS",  "HF_HUB_CACHE"};
    const std::string script = file("docker/bootstrap.sh");
    for (const std::string& name : all) EXPECT_THAT(script, HasSubstr(name));
    const ProcessResult printed = run_process({program_path(), "options", "--variables"});
    EXPECT_EQ(printed.exit_code, 0) << printed.err;
    std::istringstream lines(printed.out);
    for (std::string name; std::getline(lines, name);) all.insert(name);
    return all;
  }();
  return names;
}

// What stands between backticks, or in another pair of marks.
std::set<std::string> marked(const std::string& text, const std::string& begin = "`",
                             const std::string& end = "`") {
  std::set<std::string> found;
  for (size_t at = 0; (at = text.find(begin, at)) != text.npos;) {
    const size_t first = at + begin.size(), last = text.find(end, first);
    if (last == text.npos) break;
    found.insert(text.substr(first, last - first));
    at = last + end.size();
  }
  return found;
}

TEST(HubFiles, HubJsonHasTheFieldsThatTheHubRequires) {
  const json hub = json::parse(file(".runpod/hub.json"));
  EXPECT_FALSE(hub.at("title").get<std::string>().empty());
  EXPECT_FALSE(hub.at("description").get<std::string>().empty());
  EXPECT_EQ(hub.at("type"), "serverless");
  EXPECT_EQ(hub.at("category"), "audio");
  const json& config = hub.at("config");
  EXPECT_EQ(config.at("runsOn"), "GPU");
  EXPECT_EQ(config.at("gpuCount"), 1);
  // Both repositories (7.5 GB) and the image fit, should there be no volume.
  EXPECT_GE(config.at("containerDiskInGb").get<int>(), 15);
  const std::set<std::string> pools = {"AMPERE_16",  "AMPERE_24",    "ADA_24",       "ADA_32_PRO",
                                       "AMPERE_48",  "ADA_48_PRO",   "AMPERE_80",    "ADA_80_PRO",
                                       "HOPPER_141", "BLACKWELL_96", "BLACKWELL_180"};
  std::istringstream ids(config.at("gpuIds").get<std::string>());
  for (std::string id; std::getline(ids, id, ',');) EXPECT_EQ(pools.count(id), 1U) << id;
}

TEST(HubFiles, EveryVariableTheyOfferIsRead) {
  const std::set<std::string>& known = variables();
  const json hub = json::parse(file(".runpod/hub.json")).at("config");
  std::set<std::string> offered;
  for (const json& entry : hub.at("env")) {
    const std::string key = entry.at("key");
    EXPECT_TRUE(offered.insert(key).second) << key << " twice";
    EXPECT_EQ(known.count(key), 1U) << key;
    if (!entry.contains("input")) continue;
    const json& input = entry.at("input");
    const std::string type = input.at("type");
    EXPECT_THAT(type, AnyOf("string", "number", "boolean", "huggingface"));
    EXPECT_FALSE(input.at("name").get<std::string>().empty());
    if (type == "number") {
      EXPECT_LE(input.at("min"), input.at("default"));
      EXPECT_LE(input.at("default"), input.at("max"));
    }
  }
  for (const json& preset : hub.at("presets")) {
    for (const auto& [key, value] : preset.at("defaults").items()) {
      EXPECT_EQ(offered.count(key), 1U) << key;
    }
  }
  const json tests = json::parse(file(".runpod/tests.json"));
  for (const json& entry : tests.at("config").at("env")) {
    EXPECT_EQ(known.count(entry.at("key")), 1U) << entry;
    EXPECT_TRUE(entry.at("value").is_string());
  }
}

TEST(HubFiles, TheTestsAreJobsThatTheWorkerTakes) {
  const json tests = json::parse(file(".runpod/tests.json"));
  EXPECT_EQ(tests.at("config").at("gpuCount"), 1);
  EXPECT_THAT(tests.at("config").at("gpuTypeId").get<std::string>(), HasSubstr("NVIDIA "));
  std::set<std::string> names;
  for (const json& test : tests.at("tests")) {
    EXPECT_TRUE(names.insert(test.at("name")).second);
    EXPECT_GE(test.at("timeout").get<int>(), 60'000) << "a first download takes minutes";
    const json& input = test.at("input");
    EXPECT_TRUE(input.contains("text") != input.contains("action")) << input;
  }
  EXPECT_GE(names.size(), 2U);
}

TEST(HubFiles, TheHubFindsADockerfileAndAReadme) {
  EXPECT_TRUE(fs::exists(kRoot / "Dockerfile"));
  EXPECT_TRUE(fs::exists(kRoot / "README.md"));
}

// What the ignore file lets through: the Dockerfile copies all of it.
std::set<std::string> build_context() {
  const std::string ignore = file(".dockerignore");
  EXPECT_NE(ignore.find("\n*\n"), ignore.npos) << "everything is refused first";
  std::set<std::string> allowed;
  std::istringstream lines(ignore);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with('!')) allowed.insert(line.substr(1));
  }
  return allowed;
}

TEST(Dockerfile, TheBuildSeesSourcesAndNothingElse) {
  const std::set<std::string> allowed = build_context();
  for (const std::string& path : allowed) EXPECT_TRUE(fs::exists(kRoot / path)) << path;
  for (const char* needed :
       {"CMakeLists.txt", "CMakePresets.json", "apps", "bench", "cmake", "docker",
        "models/echo-small", "scripts/setup", "scripts/sbom", "src"}) {
    EXPECT_EQ(allowed.count(needed), 1U) << needed;
  }
  for (const char* other : {".git", "demo-output", "build", "tests", "voices"}) {
    EXPECT_EQ(allowed.count(other), 0U) << other;
  }
}

// Ninja looks for all that a build of these files asks for before it begins. The compiler then
// refuses, since more than that beginning would take minutes.
TEST(Dockerfile, TheBuildLacksNothing) {
  const TempDir context;
  for (const std::string& path : build_context()) {
    const fs::path to = context / path;
    fs::create_directories(to.parent_path());
    fs::copy(kRoot / path, to, fs::copy_options::recursive);
  }
  const std::string build = context.path() / "build/release";
  const ProcessResult configured =
      run_process({"/usr/bin/env", "cmake", "-S", context.path(), "-B", build, "-G", "Ninja",
                   "-DCMAKE_BUILD_TYPE=Release", "-DECHO_TESTS=OFF", "-DECHO_BENCHMARKS=OFF",
                   "-DECHO_CUDA=OFF", "-DCMAKE_CXX_COMPILER_LAUNCHER=/bin/false"});
  ASSERT_EQ(configured.exit_code, 0) << configured.err;
  const ProcessResult begun = run_process({"/usr/bin/env", "ninja", "-C", build});
  EXPECT_THAT(begun.out + begun.err, HasSubstr("subcommand failed"));
  EXPECT_THAT(begun.out + begun.err, Not(HasSubstr("no known rule to make it")));
}

TEST(Dockerfile, TakesNoSecretAsAnArgumentOrVariable) {
  const std::string text = file("Dockerfile");
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("ARG") && !line.starts_with("ENV")) continue;
    for (const char* secret : {"TOKEN", "SECRET", "KEY", "PASSWORD"}) {
      EXPECT_THAT(line, Not(HasSubstr(secret)));
    }
  }
  EXPECT_THAT(text, HasSubstr("--mount=type=secret,id=hf_token"));
  EXPECT_THAT(text, HasSubstr("\nHEALTHCHECK "));
  EXPECT_THAT(text, HasSubstr("org.opencontainers.image.licenses"));
}

TEST(Dockerfile, AptIsPinnedToADayOfTheArchiveWhenAskedTo) {
  const fs::path script = kRoot / "docker/package-sources";
  for (const auto& [id, code, expected] :
       {std::tuple{"debian", "bookworm",
                   "http://snapshot.debian.org/archive/debian/20260801T000000Z"},
        std::tuple{"ubuntu", "noble", "http://snapshot.ubuntu.com/ubuntu/20260801T000000Z"}}) {
    const std::string etc = fs::path(build_path()) / ("etc-" + std::string(id));
    fs::remove_all(etc);
    fs::create_directories(etc + "/apt/sources.list.d");
    write_file_atomically(etc + "/os-release",
                          "ID=" + std::string(id) + "\nVERSION_CODENAME=" + code + "\n");
    write_file_atomically(etc + "/apt/sources.list", "deb http://elsewhere.example x main\n");
    EXPECT_EQ(run_process({script, "", etc}).exit_code, 0);
    EXPECT_TRUE(fs::exists(etc + "/apt/sources.list"));
    const ProcessResult pinned = run_process({script, "20260801T000000Z", etc});
    EXPECT_EQ(pinned.exit_code, 0) << pinned.err;
    EXPECT_FALSE(fs::exists(etc + "/apt/sources.list"));
    const std::string sources = read_file(etc + "/apt/sources.list.d/snapshot.sources");
    EXPECT_THAT(sources, HasSubstr(std::string("URIs: ") + expected + "\n"));
    EXPECT_THAT(sources, HasSubstr(std::string("Suites: ") + code + "-security\n"));
    EXPECT_THAT(sources, HasSubstr("Signed-By: /usr/share/keyrings/"));
    EXPECT_EQ(run_process({script, "yesterday", etc}).exit_code, 2);
  }
}

TEST(Compose, IsAFileThatComposeReadsAndNamesWhatIsThere) {
  const ProcessResult parsed =
      run_process({"/usr/bin/env", "node", (kRoot / "tests/js/compose.js").string(),
                   (kRoot / "compose.yaml").string()});
  ASSERT_EQ(parsed.exit_code, 0) << parsed.err << "; run scripts/test-clients";
  const json compose = json::parse(parsed.out);
  const json& services = compose.at("services");
  const std::set<std::string>& known = variables();
  for (const auto& [name, service] : services.items()) {
    EXPECT_THAT(service.at("image").get<std::string>(), HasSubstr(":"))
        << name << " has no version";
    const json volumes = service.value("volumes", json::array());
    for (const json& volume : volumes) {
      const std::string source =
          volume.get<std::string>().substr(0, volume.get<std::string>().find(':'));
      EXPECT_TRUE(source[0] == '.' || compose.at("volumes").contains(source)) << source;
    }
    const json others = service.value("depends_on", json::object());
    for (const auto& [other, condition] : others.items()) {
      EXPECT_TRUE(services.contains(other)) << other;
    }
  }
  const json& server = services.at("echo-tts");
  for (const auto& [key, value] : server.at("environment").items())
    EXPECT_EQ(known.count(key), 1U) << key;
  EXPECT_EQ(server.at("network_mode"), "service:s3");
  EXPECT_EQ(server.at("environment").at("S3_SECRET_ACCESS_KEY"),
            services.at("s3").at("environment").at("MINIO_ROOT_PASSWORD"));
  // Nothing is published beyond this machine.
  for (const json& port : services.at("s3").at("ports")) {
    EXPECT_EQ(port.get<std::string>().rfind("127.0.0.1:", 0), 0U) << port;
  }
}

TEST(Documents, ExplainEveryVariableThatIsRead) {
  std::string text = file("README.md");
  for (const auto& entry : fs::directory_iterator(kRoot / "docs")) text += read_file(entry.path());
  for (const std::string& name : variables()) {
    EXPECT_NE(text.find("`" + name + "`"), std::string::npos) << name;
  }
}

TEST(DeployDocument, ExplainsNoVariableThatIsNotRead) {
  for (const std::string& name : marked(file("docs/deploy.md"))) {
    const bool ours = name.starts_with("ECHO_") || name.starts_with("S3_") ||
                      name.starts_with("OUTPUT_") || name.starts_with("AUDIO_");
    const bool is_name =
        name.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789") == name.npos;
    const bool of_the_build = name.starts_with("ECHO_CUDA") && name != "ECHO_CUDA_MODULE";
    if (ours && is_name && !of_the_build) {
      EXPECT_EQ(variables().count(name), 1U) << name;
    }
  }
}

TEST(DeployDocument, HasTheTableOfOptionsThatTheProgramPrints) {
  const ProcessResult printed = run_process({program_path(), "options"});
  ASSERT_EQ(printed.exit_code, 0) << printed.err;
  EXPECT_GT(std::count(printed.out.begin(), printed.out.end(), '\n'), 10);
  EXPECT_NE(file("docs/deploy.md").find(printed.out), std::string::npos)
      << "the table of docs/deploy.md is not what `echo-tts options` prints";
}

TEST(DeployDocument, NamesOnlyFilesThatExist) {
  for (const std::string& target : marked(file("docs/deploy.md"), "](", ")")) {
    if (target.find_first_of(":#") != target.npos) continue;
    EXPECT_TRUE(fs::exists(kRoot / "docs" / target)) << target;
  }
}

}  // namespace
}  // namespace echo
