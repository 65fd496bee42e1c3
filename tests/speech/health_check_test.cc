#include "speech/health_check.h"

#include <stdexcept>

#include "speech/service_fixture.h"

namespace echo {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

using HealthCheckTest = ServiceFixture;

TEST_F(HealthCheckTest, HealthCheckLeavesTheEngineAlone) {
  write_file(root_ / "voices" / "anna.wav", "sound");
  const Json health = run({{"input", {{"action", "health_check"}}}});
  EXPECT_EQ(health["status"], "pass") << health.dump(2);
  std::vector<std::string> checks;
  for (const auto& item : health["checks"].items()) checks.push_back(item.key());
  EXPECT_THAT(checks,
              ElementsAre("configuration", "device", "directories", "model", "storage", "voices"));
  EXPECT_THAT(health["checks"]["voices"]["detail"], HasSubstr("1 voice,"));
  EXPECT_EQ(speech_.calls(), 0);
  EXPECT_THAT(reports_, IsEmpty());
}

TEST_F(HealthCheckTest, VoicesBeyondTheListAreToldOf) {
  for (size_t i = 0; i < VoiceDirectory::kMaxEntries; ++i) {
    write_file(root_ / "voices" / (std::to_string(i) + ".wav"), "");
  }
  EXPECT_THAT(service().health()["checks"]["voices"]["detail"],
              HasSubstr("there may be more, only so many are looked at"));
}

TEST_F(HealthCheckTest, HealthCheckTellsTheWorst) {
  const auto status = [&](const char* check) {
    return service().health()["checks"][check]["status"].get<std::string>();
  };
  EXPECT_EQ(status("voices"), "warn");  // none
  store_.fail_always("storage: HEAD probe in bucket fake: status 403");
  EXPECT_EQ(status("storage"), "warn");
  EXPECT_EQ(service().health()["status"], "warn");
  store_.fail_always("storage: bucket fake does not exist", ErrorCode::kNotFound);
  EXPECT_EQ(status("storage"), "fail");
  EXPECT_EQ(service().health()["status"], "fail");
  store_.recover();
  store_.hang();
  const Json hanging = service().health()["checks"]["storage"];
  EXPECT_EQ(hanging["status"], "fail");
  EXPECT_THAT(hanging["detail"], HasSubstr("did not answer within 50 ms"));
  store_.recover();
  fs::remove_all(root_ / "voices");
  EXPECT_EQ(status("voices"), "fail");
  fs::remove_all(output());
  write_file(output(), "x");
  EXPECT_EQ(status("directories"), "warn");
}

TEST_F(HealthCheckTest, TheProgramsOwnChecksAreShownAndMayBreak) {
  options_.health = [] {
    return std::vector<HealthItem>{{"model", HealthStatus::kFail, "still loading"},
                                   {"fitness", HealthStatus::kWarn, "little memory"}};
  };
  const Json health = service().health();
  EXPECT_EQ(health["status"], "fail");
  EXPECT_EQ(health["checks"]["model"]["detail"], "still loading");
  EXPECT_EQ(health["checks"]["fitness"]["status"], "warn");

  service_.reset();
  options_.health = []() -> std::vector<HealthItem> { throw std::runtime_error("no"); };
  EXPECT_EQ(service().health()["checks"]["configuration"]["status"], "fail");
}

}  // namespace
}  // namespace echo
