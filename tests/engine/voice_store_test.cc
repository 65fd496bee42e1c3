#include "engine/voice_store.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "engine/engine.h"
#include "engine/engine_fixture.h"
#include "support/kill_points.h"

namespace echo {
namespace {

namespace fs = std::filesystem;

class VoiceStoreTest : public ::testing::Test {
 protected:
  VoiceStoreTest() {
    std::string pattern = (fs::temp_directory_path() / "echo-voices-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
  }
  ~VoiceStoreTest() override { fs::remove_all(folder_); }

  std::vector<fs::path> files() const {
    std::vector<fs::path> paths;
    for (const auto& entry : fs::directory_iterator(folder_)) paths.push_back(entry.path());
    return paths;
  }

  fs::path folder_;
  std::vector<float> latents_ = std::vector<float>(8 * 80, 0.25f);
};

TEST_F(VoiceStoreTest, GivesBackWhatWasSaved) {
  latents_[7] = -1.5f;
  const VoiceStore store(folder_ / "new" / "folder", "model", 80, 1 << 20);
  EXPECT_FALSE(store.load("anna").has_value());
  EXPECT_TRUE(store.save("anna", latents_));
  EXPECT_EQ(store.load("anna"), latents_);
  EXPECT_FALSE(store.load("bob").has_value());
}

TEST_F(VoiceStoreTest, KeysAreNeverPaths) {
  const VoiceStore store(folder_, "model", 80, 1 << 20);
  EXPECT_TRUE(store.save("../../evil/\n\0name", latents_));
  EXPECT_TRUE(store.save(std::string(10000, 'k'), latents_));
  EXPECT_EQ(files().size(), 2u);
}

TEST_F(VoiceStoreTest, DoesNotTakeAnotherModelsVoices) {
  ASSERT_TRUE(VoiceStore(folder_, "model", 80, 1 << 20).save("anna", latents_));
  EXPECT_FALSE(VoiceStore(folder_, "other", 80, 1 << 20).load("anna").has_value());
}

TEST_F(VoiceStoreTest, IgnoresFilesThatAreNotAsWritten) {
  const VoiceStore store(folder_, "model", 80, 1 << 20);
  ASSERT_TRUE(store.save("anna", latents_));
  const fs::path path = files().at(0);
  std::string good;
  {
    std::ifstream file(path, std::ios::binary);
    good.assign(std::istreambuf_iterator<char>(file), {});
  }
  const auto write = [&](const std::string& bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
  };
  for (const size_t flipped : {size_t{0}, size_t{8}, size_t{16}, size_t{30}, good.size() - 1}) {
    std::string bad = good;
    bad[flipped] ^= 1;
    write(bad);
    EXPECT_FALSE(store.load("anna").has_value()) << flipped;
  }
  write("");
  EXPECT_FALSE(store.load("anna").has_value());
  write(good.substr(0, good.size() - 320));
  EXPECT_FALSE(store.load("anna").has_value());
  write(good + std::string(320, '\0'));
  EXPECT_FALSE(store.load("anna").has_value());
  fs::remove(path);
  fs::create_directory(path);
  EXPECT_FALSE(store.load("anna").has_value());
  fs::remove(path);
  write(good);
  EXPECT_EQ(store.load("anna"), latents_);
}

TEST_F(VoiceStoreTest, IgnoresValuesThatAreNotFinite) {
  const VoiceStore store(folder_, "model", 80, 1 << 20);
  latents_[3] = NAN;
  store.save("anna", latents_);
  EXPECT_FALSE(store.load("anna").has_value());
}

TEST_F(VoiceStoreTest, FolderThatCannotBeWrittenStoresNothing) {
  std::ofstream(folder_ / "file") << "not a folder";
  const VoiceStore store(folder_ / "file", "model", 80, 1 << 20);
  EXPECT_FALSE(store.save("anna", latents_));
  EXPECT_FALSE(store.load("anna").has_value());
  const VoiceStore none("", "model", 80, 1 << 20);
  EXPECT_FALSE(none.save("anna", latents_));
  EXPECT_FALSE(none.load("anna").has_value());
}

TEST_F(VoiceStoreTest, RemovesWhatWasNotUsedForLongest) {
  const size_t one = 56 + latents_.size() * 4;
  const VoiceStore store(folder_, "model", 80, 2 * one);
  const auto age = [&](int hours) {
    for (const fs::path& path : files()) {
      fs::last_write_time(path, fs::last_write_time(path) - std::chrono::hours(hours));
    }
  };
  store.save("anna", latents_);
  age(1);
  store.save("bob", latents_);
  age(1);
  ASSERT_TRUE(store.load("anna").has_value());  // has been used now
  std::ofstream(folder_ / "somebody's.txt") << "not ours";
  store.save("carl", latents_);
  EXPECT_TRUE(store.load("anna").has_value());
  EXPECT_FALSE(store.load("bob").has_value());
  EXPECT_TRUE(store.load("carl").has_value());
  EXPECT_TRUE(fs::exists(folder_ / "somebody's.txt"));
}

TEST_F(VoiceStoreTest, RemovesOnlyItsOwnFiles) {
  std::ofstream(folder_ / "anna.voice") << std::string(100'000, 'x');
  const VoiceStore store(folder_, "model", 80, 10'000);
  EXPECT_TRUE(store.save("anna", latents_));
  EXPECT_TRUE(fs::exists(folder_ / "anna.voice"));
  EXPECT_TRUE(store.load("anna").has_value()) << "nor do others take its room";
}

TEST_F(VoiceStoreTest, KilledAtAnyCallTheNextOneSaves) {
  const VoiceStore store(folder_, "model", 80, 1 << 20);
  const std::vector<float> old(80, 1.f), changed(80, 2.f), next(80, 3.f);
  const int killed = kill_at_every_point(
      KillPoints::kEveryCall, {.prepare = [&] { store.save("anna", old); },
                               .work = [&] { store.save("anna", changed); },
                               .check =
                                   [&](int killed_at) {
                                     const auto found = store.load("anna");
                                     EXPECT_TRUE(found == old || found == changed) << killed_at;
                                     EXPECT_TRUE(store.save("anna", next)) << killed_at;
                                     EXPECT_EQ(store.load("anna"), next) << killed_at;
                                   }});
  if (killed < 0) GTEST_SKIP() << "processes may not be traced here";
  EXPECT_GE(killed, 6) << "open, lock, write, rename, close at least";
}

TEST_F(VoiceStoreTest, OutlivesTheEngineAndHealsItself) {
  EngineOptions options = tiny_options();
  options.voice_store = folder_;
  SpeechRequest request = short_request(1);
  int loads = 0;
  const std::vector<float> samples = golden("tiny").floats("speaker_latent/audio.ragged");
  request.voice = VoiceReference{"anna", [&] {
                                   ++loads;
                                   return samples;
                                 }};
  const SpeechResult first = Engine::load(options)->speak(request);
  EXPECT_EQ(first.voice_cache, VoiceCacheUse::kMiss);
  const SpeechResult second = Engine::load(options)->speak(request);
  EXPECT_EQ(second.voice_cache, VoiceCacheUse::kHit);
  EXPECT_EQ(loads, 1);
  EXPECT_EQ(second.samples, first.samples);

  fs::resize_file(files().at(0), 100);
  const SpeechResult third = Engine::load(options)->speak(request);
  EXPECT_EQ(third.voice_cache, VoiceCacheUse::kMiss);
  EXPECT_EQ(loads, 2);
  EXPECT_EQ(third.samples, first.samples);
  EXPECT_EQ(Engine::load(options)->speak(request).voice_cache, VoiceCacheUse::kHit);
}

}  // namespace
}  // namespace echo
