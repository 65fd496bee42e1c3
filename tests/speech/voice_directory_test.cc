#include "speech/voice_directory.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <thread>

#include "audio/encode.h"
#include "base/digest.h"
#include "base/error.h"
#include "speech/job_failure.h"
#include "speech/voice_library.h"
#include "support/fake_clock.h"
#include "support/temp_dir.h"

namespace echo {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::AnyOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

void put(const fs::path& path, const std::string& bytes) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

std::string wav(double seconds) {
  std::vector<float> samples(static_cast<size_t>(seconds * 44100));
  for (size_t i = 0; i < samples.size(); ++i) samples[i] = 0.5f * std::sin(0.05f * float(i));
  return encode_audio(samples, {.format = AudioFormat::kWav});
}

class VoiceDirectoryTest : public testing::Test {
 protected:
  VoiceDirectoryTest() { fs::create_directories(root_ / "voices"); }

  fs::path file(const std::string& name) const { return root_ / "voices" / name; }

  std::string error_of(const std::string& name, ErrorCode code) const {
    try {
      voices_.open(name);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code) << error.what();
      EXPECT_THAT(error.what(), Not(HasSubstr(root_.path().string())));
      return error.what();
    }
    ADD_FAILURE() << "it was opened";
    return "";
  }

  TempDir root_;
  // Far enough ahead that every file has settled.
  FakeClock clock_{std::chrono::system_clock::now() + 1h};
  VoiceDirectory voices_{(root_ / "voices").string(), clock_};
};

TEST_F(VoiceDirectoryTest, OpensAndHashes) {
  put(file("women/Anna Müller.WAV"), "sound");
  const VoiceFile voice = voices_.open("women/Anna Müller.WAV");
  EXPECT_EQ(voice.name(), "women/Anna Müller.WAV");
  EXPECT_EQ(voice.size(), 5u);
  EXPECT_EQ(voice.content_hash(), hex(digest(DigestKind::kSha256, "sound")));
  EXPECT_EQ(voice.read(), "sound");
}

TEST_F(VoiceDirectoryTest, EverySuffixInAnyCase) {
  for (const char* name : {"a.wav", "a.MP3", "a.m4a", "a.Ogg", "a.flac", "a.webm", "a.aac",
                           "a.OPUS", "声.wav", "a.b.wav"}) {
    put(file(name), "sound");
    EXPECT_EQ(voices_.open(name).read(), "sound") << name;
  }
}

TEST_F(VoiceDirectoryTest, SeesFilesThatComeAndGo) {
  error_of("late.wav", ErrorCode::kNotFound);
  put(file("late.wav"), "sound");
  EXPECT_EQ(voices_.open("late.wav").size(), 5u);
  fs::remove(file("late.wav"));
  EXPECT_EQ(error_of("late.wav", ErrorCode::kNotFound),
            "voice \"late.wav\": there is no such file in the voices directory");
}

TEST_F(VoiceDirectoryTest, AReplacedFileIsAnotherVoice) {
  put(file("a.wav"), "sound");
  const std::string before = voices_.open("a.wav").content_hash();
  put(file("b.wav"), "other");
  fs::rename(file("b.wav"), file("a.wav"));
  EXPECT_NE(voices_.open("a.wav").content_hash(), before);
}

TEST_F(VoiceDirectoryTest, WritingInPlaceIsSeenEvenWithTheSameSizeAndTime) {
  put(file("a.wav"), "sound");
  const auto time = fs::last_write_time(file("a.wav"));
  const std::string before = voices_.open("a.wav").content_hash();
  // The time of the last change of a file's data cannot be set, but it may be coarse.
  while (true) {
    put(file("a.wav"), "other");
    fs::last_write_time(file("a.wav"), time);
    struct stat status {};
    ASSERT_EQ(::stat(file("a.wav").c_str(), &status), 0);
    if (voices_.open("a.wav").content_hash() != before) break;
  }
  EXPECT_EQ(voices_.open("a.wav").read(), "other");
}

TEST_F(VoiceDirectoryTest, UnchangedFilesAreReadOnceForTheirHash) {
  put(file("a.wav"), "sound");
  put(file("b.wav"), "other sound");
  for (int i = 0; i < 3; ++i) {
    voices_.open("a.wav");
    voices_.open("b.wav");
  }
  EXPECT_EQ(voices_.bytes_hashed(), 16u);
}

TEST_F(VoiceDirectoryTest, AFileJustWrittenIsNotTrustedToStay) {
  FakeClock now{std::chrono::system_clock::now()};
  const VoiceDirectory voices((root_ / "voices").string(), now);
  put(file("a.wav"), "sound");
  voices.open("a.wav");
  voices.open("a.wav");
  EXPECT_EQ(voices.bytes_hashed(), 10u);
  now.advance(10s);
  voices.open("a.wav");
  voices.open("a.wav");
  EXPECT_EQ(voices.bytes_hashed(), 15u);
}

TEST_F(VoiceDirectoryTest, BytesThatChangedAfterOpeningAreRefused) {
  put(file("a.wav"), "sound");
  const VoiceFile voice = voices_.open("a.wav");
  put(file("a.wav"), "other");
  EXPECT_THROW(
      {
        try {
          voice.read();
        } catch (const Error& error) {
          EXPECT_EQ(error.code(), ErrorCode::kUnavailable);
          throw;
        }
      },
      Error);
}

struct BadName {
  const char* label;
  std::string name;
  const char* part;
};

TEST_F(VoiceDirectoryTest, RefusesNamesThatCannotBe) {
  put(root_ / "outside.wav", "secret");
  const BadName table[] = {
      {"empty", "", "expected the name"},
      {"absolute", "/etc/outside.wav", "absolute"},
      {"up", "../outside.wav", "\"..\""},
      {"up later", "a/../../outside.wav", "\"..\""},
      {"up at the end", "a.wav/..", "\"..\""},
      {"dot", "./a.wav", "\".\""},
      {"double slash", "a//b.wav", "empty"},
      {"trailing slash", "a.wav/", "empty"},
      {"nul", std::string("a.wav\0.wav", 10), "control"},
      {"newline", "a\nb.wav", "control"},
      {"escape", "a\x1b[31m.wav", "control"},
      {"delete", "a\x7f.wav", "control"},
      {"c1 control", "a\xC2\x85.wav", "control"},
      {"not UTF-8", "a\xFF.wav", "UTF-8"},
      {"long", std::string(2000, 'a') + ".wav", "2004 bytes"},
      {"no suffix", "passwd", "suffixes"},
      {"other suffix", "a.txt", "suffixes"},
      {"suffix alone", ".wav", "suffixes"},
  };
  for (const BadName& bad : table) {
    SCOPED_TRACE(bad.label);
    const std::string message = error_of(bad.name, ErrorCode::kInvalidArgument);
    EXPECT_THAT(message, HasSubstr(bad.part));
    EXPECT_LT(message.size(), 300u);
    for (const char c : message) EXPECT_GE(static_cast<unsigned char>(c), 0x20);
  }
}

TEST_F(VoiceDirectoryTest, ANameLongerThanFilesCanHave) {
  EXPECT_THAT(error_of(std::string(300, 'a') + ".wav", ErrorCode::kInvalidArgument),
              HasSubstr("longer"));
}

TEST_F(VoiceDirectoryTest, LinksMayNotLeave) {
  put(root_ / "outside.wav", "secret");
  put(root_ / "voices-of-others" / "b.wav", "secret");
  fs::create_directories(root_ / "secrets");
  put(root_ / "secrets" / "c.wav", "secret");
  fs::create_symlink(root_ / "outside.wav", file("absolute.wav"));
  fs::create_symlink("../outside.wav", file("relative.wav"));
  fs::create_symlink("../voices-of-others/b.wav", file("sibling.wav"));
  fs::create_symlink(root_ / "secrets", file("folder"));
  fs::create_symlink("/dev/zero", file("zero.wav"));
  for (const char* name :
       {"absolute.wav", "relative.wav", "sibling.wav", "folder/c.wav", "zero.wav"}) {
    EXPECT_THAT(error_of(name, ErrorCode::kInvalidArgument), HasSubstr("leads out")) << name;
  }
}

TEST_F(VoiceDirectoryTest, LinksInsideAreFollowed) {
  put(file("real/a.wav"), "sound");
  fs::create_symlink("real/a.wav", file("relative.wav"));
  fs::create_symlink(file("real/a.wav"), file("absolute.wav"));
  fs::create_symlink("real", file("folder"));
  for (const char* name : {"relative.wav", "absolute.wav", "folder/a.wav"}) {
    EXPECT_EQ(voices_.open(name).read(), "sound") << name;
  }
}

TEST_F(VoiceDirectoryTest, TheDirectoryItselfMayBeALink) {
  put(file("a.wav"), "sound");
  fs::create_symlink(root_ / "voices", root_ / "alias");
  EXPECT_EQ(VoiceDirectory((root_ / "alias").string()).open("a.wav").size(), 5u);
}

TEST_F(VoiceDirectoryTest, LinksInACircle) {
  fs::create_symlink("two.wav", file("one.wav"));
  fs::create_symlink("one.wav", file("two.wav"));
  EXPECT_THAT(error_of("one.wav", ErrorCode::kInvalidArgument), HasSubstr("circle"));
}

TEST_F(VoiceDirectoryTest, WhatIsNoRegularFile) {
  fs::create_directories(file("folder.wav"));
  ASSERT_EQ(::mkfifo(file("pipe.wav").c_str(), 0600), 0);
  const int socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  file("socket.wav").string().copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(socket, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  EXPECT_THAT(error_of("folder.wav", ErrorCode::kInvalidArgument), HasSubstr("directory"));
  EXPECT_THAT(error_of("pipe.wav", ErrorCode::kInvalidArgument), HasSubstr("regular"));
  EXPECT_THAT(error_of("socket.wav", ErrorCode::kInvalidArgument), HasSubstr("regular"));
  ::close(socket);
}

TEST_F(VoiceDirectoryTest, AFileAsAFolder) {
  put(file("a.wav"), "sound");
  error_of("a.wav/b.wav", ErrorCode::kNotFound);
}

TEST_F(VoiceDirectoryTest, AFileThatIsTooLargeIsNotRead) {
  const int big = ::open(file("big.wav").c_str(), O_WRONLY | O_CREAT, 0600);
  ASSERT_EQ(::ftruncate(big, off_t{2} << 30), 0);
  ::close(big);
  EXPECT_THAT(error_of("big.wav", ErrorCode::kInvalidArgument), HasSubstr("2147483648 bytes"));
  EXPECT_EQ(voices_.bytes_hashed(), 0u);
}

TEST_F(VoiceDirectoryTest, AFileWithoutPermission) {
  put(file("a.wav"), "sound");
  fs::permissions(file("a.wav"), fs::perms::none);
  fs::permissions(root_.path(), fs::perms(0755));
  // The superuser may read everything, so be somebody else for a moment.
  const uid_t user = ::geteuid();
  if (user == 0) {
    ASSERT_EQ(::seteuid(65534), 0);
  }
  EXPECT_THAT(error_of("a.wav", ErrorCode::kUnavailable), HasSubstr("Permission denied"));
  if (user == 0) {
    ASSERT_EQ(::seteuid(0), 0);
  }
}

TEST_F(VoiceDirectoryTest, WithoutADirectory) {
  const VoiceDirectory none(""), absent((root_ / "absent").string());
  for (const VoiceDirectory* voices : {&none, &absent}) {
    try {
      voices->open("a.wav");
      ADD_FAILURE();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kNotFound);
      EXPECT_THAT(error.what(), Not(HasSubstr(root_.path().string())));
    }
    EXPECT_THROW(voices->list(false), Error);
  }
}

// A name is exchanged all the time between a good file and a link that leaves: whatever is opened
// is the good one.
TEST_F(VoiceDirectoryTest, AnExchangeInBetweenDoesNotLeaveTheDirectory) {
  put(root_ / "outside.wav", "secret");
  put(file("good.wav"), "sound");
  std::atomic<bool> done = false;
  std::thread exchanger([&] {
    while (!done) {
      fs::remove(file("a.wav"));
      fs::create_hard_link(file("good.wav"), file("a.wav"));
      fs::remove(file("a.wav"));
      fs::create_symlink("../outside.wav", file("a.wav"));
    }
  });
  int opened = 0;
  for (int i = 0; i < 3000; ++i) {
    try {
      EXPECT_EQ(voices_.open("a.wav").read(), "sound");
      ++opened;
    } catch (const Error& error) {
      EXPECT_THAT(error.code(), AnyOf(ErrorCode::kNotFound, ErrorCode::kInvalidArgument));
    }
  }
  done = true;
  exchanger.join();
  RecordProperty("opened", opened);
}

TEST_F(VoiceDirectoryTest, ListsVoicesWithSizes) {
  put(file("b.wav"), "sound");
  put(file("a/deep/c.OGG"), "sounds");
  put(file("notes.txt"), "no voice");
  put(file(".hidden.wav"), "no voice");
  put(file("bad\nname.wav"), "x");
  put(root_ / "outside.wav", "secret");
  fs::create_symlink("../outside.wav", file("out.wav"));
  fs::create_symlink("..", file("up"));
  const std::vector<VoiceEntry> list = voices_.list(false);
  ASSERT_EQ(list.size(), 4u);
  EXPECT_EQ(list[0].name, "a/deep/c.OGG");
  EXPECT_EQ(list[0].size, 6u);
  EXPECT_EQ(list[0].problem, "");
  EXPECT_EQ(list[0].seconds, std::nullopt);
  EXPECT_EQ(list[1].name, "b.wav");
  EXPECT_THAT(list[2].problem, HasSubstr("control character"));
  EXPECT_EQ(list[3].name, "out.wav");
  EXPECT_THAT(list[3].problem, HasSubstr("leads out"));
}

TEST_F(VoiceDirectoryTest, ListsDurations) {
  put(file("a.wav"), wav(1.5));
  put(file("b.wav"), "this is no sound");
  put(file("c.wav"), "");
  const std::vector<VoiceEntry> list = voices_.list(true);
  ASSERT_EQ(list.size(), 3u);
  EXPECT_NEAR(list[0].seconds.value(), 1.5, 1e-3);
  EXPECT_EQ(list[0].problem, "");
  EXPECT_EQ(list[1].seconds, std::nullopt);
  EXPECT_NE(list[1].problem, "");
  EXPECT_NE(list[2].problem, "");
}

// By the rules of whoever uses it: a job's answer to the same file.
TEST_F(VoiceDirectoryTest, ListsWhatAJobWouldSay) {
  put(file("brief.wav"), wav(0.5));
  put(file("none.wav"), wav(0.15));
  put(file("silent.wav"), encode_audio(std::vector<float>(88200), {.format = AudioFormat::kWav}));
  const std::vector<VoiceEntry> list = voices_.list(true);
  ASSERT_EQ(list.size(), 3u);
  EXPECT_EQ(list[0].problem, "");
  EXPECT_THAT(list[0].warnings, ElementsAre(HasSubstr("only 0.50 s long")));
  EXPECT_EQ(list[1].problem,
            "voice \"none.wav\": is 0.15 s long, expected at least 0.19 s of a voice");
  EXPECT_EQ(list[2].problem, "");
  EXPECT_THAT(list[2].warnings, ElementsAre(HasSubstr("it is silent")));
  VoiceLibrary library(voices_);
  for (const VoiceEntry& entry : list) {
    const auto report = std::make_shared<VoiceReport>();
    const VoiceReference voice = library.find(entry.name, report);
    try {
      voice.load();
      EXPECT_EQ(entry.problem, "");
      ASSERT_EQ(report->warnings.size(), entry.warnings.size());
      for (size_t i = 0; i < entry.warnings.size(); ++i) {
        EXPECT_THAT(report->warnings[i], HasSubstr(entry.warnings[i]));
      }
    } catch (const JobError& error) {
      EXPECT_EQ(error.kind(), job_kind::kVoiceUnusable);
      EXPECT_EQ(error.what(), entry.problem);
    }
  }
}

TEST_F(VoiceDirectoryTest, FindsEqualNamesInOtherForms) {
  const std::string composed_name = "Jos\xc3\xa9/Zo\xc3\xab.wav",
                    decomposed = "Jose\xcc\x81/Zoe\xcc\x88.wav";
  put(file(decomposed), "from a Mac");
  EXPECT_EQ(voices_.open(decomposed).read(), "from a Mac");
  const VoiceFile found = voices_.open(composed_name);
  EXPECT_EQ(found.read(), "from a Mac");
  EXPECT_EQ(found.name(), composed_name);
  put(file(composed_name), "from elsewhere");
  EXPECT_EQ(voices_.open(composed_name).read(), "from elsewhere") << "the name itself comes first";
  EXPECT_EQ(voices_.open(decomposed).read(), "from a Mac");
  fs::remove_all(file("Jose\xcc\x81"));
  EXPECT_EQ(voices_.open(decomposed).read(), "from elsewhere") << "nor the other way round";
  error_of("Jos\xc3\xa8/Zo\xc3\xab.wav", ErrorCode::kNotFound);
  put(root_ / "outside.wav", "secret");
  fs::create_symlink("../outside.wav", file("e\xcc\x81.wav"));
  error_of("\xc3\xa9.wav", ErrorCode::kInvalidArgument);
}

TEST_F(VoiceDirectoryTest, ListingCanBeCancelled) {
  put(file("a.wav"), wav(0.1));
  std::stop_source stop;
  stop.request_stop();
  try {
    voices_.list(true, stop.get_token());
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCancelled);
  }
}

TEST_F(VoiceDirectoryTest, NoDescriptorIsLeftOpen) {
  const auto open_files = [] {
    return std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator());
  };
  put(file("a.wav"), "sound");
  const auto before = open_files();
  for (int i = 0; i < 10; ++i) {
    voices_.open("a.wav").read();
    voices_.list(true);
    error_of("absent.wav", ErrorCode::kNotFound);
  }
  EXPECT_EQ(open_files(), before);
}

}  // namespace
}  // namespace echo
