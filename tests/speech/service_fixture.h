// A speech service around a fake engine and a fake store, on real directories.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "speech/document_of.h"
#include "speech/speech_service.h"
#include "support/fake_clock.h"
#include "support/fake_speech.h"
#include "support/temp_dir.h"

namespace echo {

inline void write_file(const std::filesystem::path& path, const std::string& bytes) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << bytes;
}

// But for hidden ones.
inline std::vector<std::string> file_names(const std::filesystem::path& folder) {
  std::vector<std::string> found;
  if (!std::filesystem::exists(folder)) return found;
  for (const auto& item : std::filesystem::directory_iterator(folder)) {
    const std::string name = item.path().filename();
    if (!name.starts_with('.')) found.push_back(name);
  }
  return found;
}

class ServiceFixture : public testing::Test {
 protected:
  ServiceFixture() {
    std::filesystem::create_directories(root_ / "voices");
    options_.model = "tiny@1";
    options_.device = "cpu";
    options_.storage_patience = std::chrono::milliseconds(50);
    options_.finished = [this](const JobReport& report) { reports_.push_back(report); };
    job_stores_ = [this](const Json& config) -> std::unique_ptr<ObjectStore> {
      seen_config_ = config;
      if (!config.is_object()) throw_invalid("s3Config must be an object");
      auto store = std::make_unique<FakeStore>("theirs/");
      job_store_ = store.get();
      if (!job_store_failure_.empty()) store->fail_always(job_store_failure_);
      return store;
    };
  }

  SpeechService& service() {
    if (!service_) {
      service_.emplace(options_, SpeechServiceParts{std::ref(speech_), voices_, store_pointer_,
                                                    job_stores_, output_, logger_, clock_});
    }
    return *service_;
  }

  Json run(const Json& job, SpeechContext context = {}) {
    result_ = service().run(job, context);
    document_ = document_of(result_);
    return document_;
  }
  Json say(const std::string& text) { return run({{"input", {{"text", text}}}}); }
  std::string error(const Json& job, SpeechContext context = {}) {
    const Json value = run(job, std::move(context));
    EXPECT_TRUE(value.contains("error")) << value.dump();
    return value.value("error", "");
  }
  bool fatal() const { return result_.failed() && result_.failed()->fatal; }
  std::filesystem::path output(const std::string& name = "") const {
    return name.empty() ? root_ / "output" : root_ / "output" / name;
  }

  TempDir root_;
  FakeClock clock_{std::chrono::system_clock::now() + std::chrono::hours(1)};
  FakeSpeech speech_;
  FakeStore store_{"results/"};
  ObjectStore* store_pointer_ = &store_;
  FakeStore* job_store_ = nullptr;  // gone when the job is over
  std::string job_store_failure_;
  Json seen_config_;
  JobStoreFactory job_stores_;
  VoiceDirectory voice_directory_{(root_ / "voices").string(), clock_};
  VoiceLibrary voices_{voice_directory_, clock_};
  OutputDirectory output_{{.path = (root_ / "output").string()}, clock_};
  std::shared_ptr<KeptLog> log_ = std::make_shared<KeptLog>();
  Logger logger_{{.level = LogLevel::kTrace}, log_};
  SpeechServiceOptions options_;
  std::vector<JobReport> reports_;
  JobOutcome result_;
  Json document_;
  std::optional<SpeechService> service_;
};

}  // namespace echo
