#include "s3_conversation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/digest.h"
#include "base/error.h"
#include "net/curl_http_client.h"
#include "net/s3_store.h"
#include "net/storage_check.h"

namespace echo {
namespace {

const char* const kKeys[] = {"plain.ogg", "sp ace+plus=eq&amp~(x)'!.ogg", "ünïcode/日本.ogg",
                             "percent%2F.ogg"};
const char kOpus[] = "audio/ogg; codecs=opus";

ErrorCode code_of(const std::function<void()>& operation) {
  try {
    operation();
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()).find("testing-secret"), std::string::npos);
    return error.code();
  }
  ADD_FAILURE() << "nothing was thrown";
  return ErrorCode::kInternal;
}

// The real time, shifted.
class ShiftedClock final : public Clock {
 public:
  explicit ShiftedClock(std::chrono::seconds shift) : shift_(shift) {}
  std::chrono::steady_clock::time_point now() override { return real_clock().now(); }
  std::chrono::system_clock::time_point wall_now() override {
    return real_clock().wall_now() + shift_;
  }
  bool sleep_for(std::chrono::milliseconds duration, std::stop_token stop) override {
    return real_clock().sleep_for(duration, stop);
  }

 private:
  std::chrono::seconds shift_;
};

void check_objects(S3Store& store) {
  const std::string data = random_bytes(300'000);
  for (const std::string key : kKeys) {
    SCOPED_TRACE(key);
    store.put(key, data, kOpus);
    EXPECT_EQ(store.get(key), data);
    const auto info = store.head(key);
    ASSERT_TRUE(info);
    EXPECT_EQ(info->size, data.size());
    EXPECT_EQ(info->content_type, kOpus);
    EXPECT_EQ(store.read_link(store.link(key)), data);
    store.put(key, "", kOpus);
    EXPECT_EQ(store.get(key), "") << "an object is replaced";
    store.remove(key);
    EXPECT_FALSE(store.head(key));
    store.remove(key);
    EXPECT_EQ(code_of([&] { store.get(key); }), ErrorCode::kNotFound);
  }
}

void check_refusals(const S3Options& options, HttpClient& http) {
  S3Store store(options, http);
  store.put("x", "data", kOpus);
  const std::string link = store.link("x");
  std::string forged = link;
  const auto digit = forged.find("Signature=") + 10;
  forged[digit] = forged[digit] == '0' ? '1' : '0';
  EXPECT_EQ(code_of([&] { store.read_link(forged); }), ErrorCode::kUnavailable);

  ShiftedClock an_hour_ago(std::chrono::hours(-1));
  EXPECT_EQ(
      code_of([&] {
        store.read_link(S3Store(options, http, an_hour_ago).link("x", std::chrono::seconds(60)));
      }),
      ErrorCode::kUnavailable)
      << "an expired link";

  S3Options wrong = options;
  wrong.secret_access_key = "testing-secret";
  EXPECT_EQ(code_of([&] { S3Store(wrong, http).put("x", "other", kOpus); }),
            ErrorCode::kUnavailable);
  wrong = options;
  wrong.access_key_id = "nobody";
  EXPECT_EQ(code_of([&] { S3Store(wrong, http).put("x", "other", kOpus); }),
            ErrorCode::kUnavailable);
  wrong = options;
  wrong.bucket = "there-is-no-such-bucket";
  EXPECT_EQ(code_of([&] { S3Store(wrong, http).put("x", "other", kOpus); }), ErrorCode::kNotFound);
  EXPECT_EQ(store.get("x"), "data");
}

}  // namespace

void converse_with_s3(const S3Options& options, const S3Abilities& abilities) {
  const auto http = make_http_client();
  S3Store store(options, *http);
  check_objects(store);
  check_refusals(options, *http);
  for (const CheckStep& step : check_storage(store)) {
    EXPECT_EQ(step.status, CheckStep::Status::kPass) << step.name << ": " << step.detail;
  }

  // A machine whose clock is wrong: the store takes the server's time.
  for (const auto shift : {std::chrono::hours(-2), std::chrono::hours(2)}) {
    ShiftedClock clock(shift);
    S3Store shifted(options, *http, clock);
    shifted.put("skewed", "data", kOpus);
    EXPECT_EQ(shifted.read_link(shifted.link("skewed")), "data");
  }
  if (abilities.checks_region) {
    S3Options wrong = options;
    wrong.region = "xx-nowhere-9";
    EXPECT_EQ(code_of([&] { S3Store(wrong, *http).put("x", "d", kOpus); }),
              ErrorCode::kUnavailable);
  }
  if (abilities.lifecycle) {
    S3Options prefixed = options;
    prefixed.key_prefix = "results & more";
    S3Store other(prefixed, *http);
    store.set_lifecycle(9);
    other.set_lifecycle(3);
    other.set_lifecycle(4);
    EXPECT_EQ(other.lifecycle_rules().size(), 2u);
    EXPECT_TRUE(store.remove_lifecycle());
    ASSERT_EQ(other.lifecycle_rules().size(), 1u);
    EXPECT_EQ(other.lifecycle_rules()[0].expiration_days, 4);
    EXPECT_EQ(other.lifecycle_rules()[0].prefix, "results & more/");
    EXPECT_TRUE(other.remove_lifecycle());
    EXPECT_TRUE(store.lifecycle_rules().empty());
  }
}

}  // namespace echo
