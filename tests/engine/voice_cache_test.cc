#include "engine/voice_cache.h"

#include <gtest/gtest.h>

#include <thread>

#include "engine/engine_fixture.h"
#include "tensor/ops.h"

namespace echo {
namespace {

class VoiceCacheTest : public ::testing::Test {
 protected:
  // Of 2 * rows * 16 * 4 bytes.
  std::shared_ptr<const EncodedVoice> voice(int64_t rows) const {
    KeyValueSection section;
    section.k = zeros(*backend_, rows, 16, DType::kFloat32);
    section.v = zeros(*backend_, rows, 16, DType::kFloat32);
    return std::make_shared<EncodedVoice>(EncodedVoice{{{section}}});
  }
  static constexpr size_t kRow = 2 * 16 * 4;
  std::unique_ptr<Backend> backend_ = test_backend();
};

TEST_F(VoiceCacheTest, FindsWhatWasInserted) {
  VoiceCache cache(100 * kRow);
  EXPECT_EQ(cache.find("anna"), nullptr);
  const auto anna = voice(3);
  cache.insert("anna", anna);
  EXPECT_EQ(cache.find("anna"), anna);
  EXPECT_EQ(cache.statistics().voices, 1u);
  EXPECT_EQ(cache.statistics().bytes, 3 * kRow);
}

TEST_F(VoiceCacheTest, LetsTheOneNotUsedForLongestGo) {
  VoiceCache cache(10 * kRow);
  cache.insert("anna", voice(4));
  cache.insert("bob", voice(4));
  const auto held = cache.find("bob");
  cache.find("anna");
  cache.insert("carl", voice(4));
  EXPECT_NE(cache.find("anna"), nullptr);
  EXPECT_EQ(cache.find("bob"), nullptr);
  EXPECT_NE(cache.find("carl"), nullptr);
  EXPECT_EQ(cache.statistics().bytes, 8 * kRow);
  EXPECT_EQ(held->keys_values.rows(), 4);  // who holds a voice keeps it
}

TEST_F(VoiceCacheTest, ReplacesAVoiceOfTheSameKey) {
  VoiceCache cache(10 * kRow);
  cache.insert("anna", voice(4));
  const auto second = voice(5);
  cache.insert("anna", second);
  EXPECT_EQ(cache.find("anna"), second);
  EXPECT_EQ(cache.statistics().bytes, 5 * kRow);
}

TEST_F(VoiceCacheTest, DoesNotKeepAVoiceThatIsTooLarge) {
  VoiceCache cache(10 * kRow);
  cache.insert("anna", voice(4));
  cache.insert("bob", voice(11));
  EXPECT_EQ(cache.find("bob"), nullptr);
  EXPECT_NE(cache.find("anna"), nullptr);
  cache.insert("anna", voice(11));  // the old one is no longer right
  EXPECT_EQ(cache.find("anna"), nullptr);
  EXPECT_EQ(cache.statistics().bytes, 0u);
}

TEST_F(VoiceCacheTest, IsSafeAmongThreads) {
  VoiceCache cache(6 * kRow);
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 200; ++i) {
        const std::string key = std::to_string((i + t) % 5);
        if (const auto found = cache.find(key)) {
          EXPECT_EQ(found->keys_values.rows(), 2);
        } else {
          cache.insert(key, voice(2));
        }
      }
    });
  }
  threads.clear();
  EXPECT_LE(cache.statistics().bytes, 6 * kRow);
}

}  // namespace
}  // namespace echo
