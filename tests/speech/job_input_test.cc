#include "speech/job_input.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/error.h"

namespace echo {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::MatchesRegex;
using testing::Not;

constexpr const char* kSecretText = "Meet me at the orchard by nine";

Json with_parameters(const Json& parameters) {
  return {{"text", kSecretText}, {"parameters", parameters}};
}

// The error's text; fails the test when there is none.
std::string refusal_of(const Json& input, const JobLimits& limits = {}) {
  try {
    parse_job_input(input, limits);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "accepted: " << input.dump(-1, ' ', true, Json::error_handler_t::replace);
  return "";
}

TEST(JobInputTest, TextAloneIsEnough) {
  const JobInput job = parse_job_input({{"text", "Hello."}});
  EXPECT_EQ(job.action, JobAction::kSpeak);
  EXPECT_EQ(job.text, "Hello.");
  EXPECT_EQ(job.voice, std::nullopt);
  EXPECT_EQ(job.parameters.num_steps, 40);
  EXPECT_EQ(job.parameters.max_chars_per_chunk, 300);
  EXPECT_EQ(job.output.format, AudioFormat::kOggOpus);
  EXPECT_EQ(job.output.sample_rate, 48000);
  EXPECT_EQ(job.output.bitrate, 128000);
  EXPECT_THAT(job.session_id, MatchesRegex("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}"
                                           "-[0-9a-f]{12}"));
  EXPECT_EQ(job.file_name(), job.session_id + ".ogg");
  EXPECT_THAT(job.warnings, IsEmpty());
  EXPECT_NE(parse_job_input({{"text", "Hello."}}).session_id, job.session_id);
}

TEST(JobInputTest, EveryFieldIsRead) {
  const JobInput job = parse_job_input(Json::parse(R"({
    "text": "Grüße, 世界!", "speaker_voice": "women/anna.WAV", "session_id": "job-1.a_B",
    "parameters": {"num_steps": 12, "cfg_scale_text": 2.5, "cfg_scale_speaker": 0, "cfg_min_t": 0.1,
      "cfg_max_t": 0.9, "truncation_factor": 0.8, "rescale_k": 1.2, "rescale_sigma": 3,
      "speaker_kv_scale": 1.5, "speaker_kv_max_layers": 24, "speaker_kv_min_t": 0.9,
      "block_sizes": [128, 256], "seed": 18446744073709551615, "max_chars_per_chunk": 200,
      "enable_crossfade": false, "normalize_boundaries": false, "target_duration_seconds": 12.5,
      "output_format": "mp3", "sample_rate": 24000, "bitrate": 96000}})"));
  const SpeechParameters& p = job.parameters;
  EXPECT_EQ(job.voice, "women/anna.WAV");
  EXPECT_EQ(job.file_name(), "job-1.a_B.mp3");
  EXPECT_EQ(p.num_steps, 12);
  EXPECT_EQ(p.cfg_scale_text, 2.5);
  EXPECT_EQ(p.cfg_scale_speaker, 0);
  EXPECT_EQ(p.cfg_min_t, 0.1);
  EXPECT_EQ(p.cfg_max_t, 0.9);
  EXPECT_EQ(p.truncation_factor, 0.8);
  EXPECT_EQ(p.rescale_k, 1.2);
  EXPECT_EQ(p.rescale_sigma, 3);
  EXPECT_EQ(p.speaker_kv_scale, 1.5);
  EXPECT_EQ(p.speaker_kv_max_layers, 24);
  EXPECT_EQ(p.speaker_kv_min_t, 0.9);
  EXPECT_THAT(p.block_sizes, ElementsAre(128, 256));
  EXPECT_EQ(p.seed, std::numeric_limits<uint64_t>::max());
  EXPECT_EQ(p.max_chars_per_chunk, 200);
  EXPECT_FALSE(p.enable_crossfade);
  EXPECT_FALSE(p.normalize_boundaries);
  EXPECT_EQ(p.target_duration_seconds, 12.5);
  EXPECT_EQ(job.output.format, AudioFormat::kMp3);
  EXPECT_EQ(job.output.sample_rate, 24000);
  EXPECT_EQ(job.output.bitrate, 96000);
  EXPECT_THAT(job.warnings, IsEmpty());
}

TEST(JobInputTest, NumbersMayBeStrings) {
  const JobInput job = parse_job_input({{"text", "Hello."},
                                        {"seed", "7"},
                                        {"parameters",
                                         {{"num_steps", "20"},
                                          {"cfg_scale_text", " 3.0 "},
                                          {"sample_rate", "24000"},
                                          {"bitrate", "64000"},
                                          {"block_sizes", "16, 24"},
                                          {"enable_crossfade", "false"}}}});
  EXPECT_EQ(job.parameters.seed, 7u);
  EXPECT_EQ(job.parameters.num_steps, 20);
  EXPECT_EQ(job.parameters.cfg_scale_text, 3.0);
  EXPECT_THAT(job.parameters.block_sizes, ElementsAre(16, 24));
  EXPECT_FALSE(job.parameters.enable_crossfade);
  EXPECT_EQ(job.output.sample_rate, 24000);
  EXPECT_EQ(job.output.bitrate, 64000);
}

TEST(JobInputTest, NullIsAsGoodAsAbsent) {
  Json parameters;
  for (const ParameterInfo& info : parameter_table()) parameters[std::string(info.name)] = nullptr;
  for (const char* name : {"preset", "output_format", "sample_rate", "bitrate"}) {
    parameters[name] = nullptr;
  }
  const JobInput job = parse_job_input({{"text", "Hello."},
                                        {"speaker_voice", nullptr},
                                        {"session_id", nullptr},
                                        {"seed", nullptr},
                                        {"action", nullptr},
                                        {"parameters", parameters}});
  const SpeechParameters defaults;
  for (const ParameterInfo& info : parameter_table()) {
    EXPECT_EQ(parameter_text(job.parameters, info.name), parameter_text(defaults, info.name));
  }
  EXPECT_THAT(job.warnings, IsEmpty());
  EXPECT_EQ(parse_job_input({{"text", "Hi."}, {"parameters", nullptr}}).parameters.num_steps, 40);
}

TEST(JobInputTest, PresetActsBeforeTheOtherParameters) {
  // In both orders: "cfg..." sorts before "preset", "truncation..." after it.
  const JobInput job = parse_job_input(with_parameters({{"cfg_scale_text", 5},
                                                        {"preset", "Independent-Low-CFG-Flat"},
                                                        {"truncation_factor", 0.9},
                                                        {"rescale_k", nullptr}}));
  EXPECT_EQ(job.parameters.cfg_scale_text, 5);
  EXPECT_EQ(job.parameters.cfg_scale_speaker, 3);
  EXPECT_EQ(job.parameters.truncation_factor, 0.9);
  EXPECT_EQ(job.parameters.rescale_k, 1.2);  // null leaves the preset's
}

TEST(JobInputTest, SeedBesideOrInsideTheParameters) {
  EXPECT_EQ(parse_job_input({{"text", "Hi."}, {"seed", 5}}).parameters.seed, 5u);
  EXPECT_EQ(parse_job_input(with_parameters({{"seed", 6}})).parameters.seed, 6u);
  const JobInput both =
      parse_job_input({{"text", "Hi."}, {"seed", 5}, {"parameters", {{"seed", 6}}}});
  EXPECT_EQ(both.parameters.seed, 6u);
  EXPECT_THAT(both.warnings, ElementsAre(HasSubstr("seed: given twice")));
  EXPECT_THAT(
      parse_job_input({{"text", "Hi."}, {"seed", 5}, {"parameters", {{"seed", 5}}}}).warnings,
      IsEmpty());
}

TEST(JobInputTest, UnknownNamesAreWarnings) {
  const JobInput job = parse_job_input(
      {{"text", "Hi."}, {"num_steps", 5}, {"volume\n", 5}, {"parameters", {{"temperature", 0.5}}}});
  EXPECT_EQ(job.parameters.num_steps, 40);
  EXPECT_THAT(job.warnings,
              ElementsAre("\"num_steps\": ignored here, it belongs into \"parameters\"",
                          "\"volume?\": unknown and ignored",
                          "\"temperature\": unknown parameter, ignored"));
}

TEST(JobInputTest, UnknownNamesAreCountedWhenTheyAreMany) {
  Json parameters = Json::object();
  for (int i = 0; i < 1000; ++i) parameters["x" + std::to_string(i)] = i;
  const JobInput job = parse_job_input(with_parameters(parameters));
  ASSERT_EQ(job.warnings.size(), 21u);
  EXPECT_EQ(job.warnings.back(), "980 more unknown names were ignored");
}

TEST(JobInputTest, SettingsWithoutEffectAreWarnings) {
  EXPECT_THAT(parse_job_input(with_parameters({{"rescale_k", 1.2}})).warnings,
              ElementsAre(HasSubstr("rescale_sigma")));
}

TEST(JobInputTest, HealthCheckNeedsNothingElse) {
  EXPECT_EQ(parse_job_input({{"action", "health_check"}}).action, JobAction::kHealthCheck);
  EXPECT_EQ(parse_job_input({{"action", "health_check"}, {"text", 5}}).action,
            JobAction::kHealthCheck);
}

TEST(JobInputTest, LengthCountsCodePoints) {
  std::string text;
  for (int i = 0; i < 10; ++i) text += "é ";
  EXPECT_NO_THROW(parse_job_input({{"text", text}}, {.max_text_chars = 20, .defaults = {}}));
  EXPECT_THAT(refusal_of({{"text", text}}, {.max_text_chars = 19, .defaults = {}}),
              "text: found 20 characters, expected at most 19");
  EXPECT_NO_THROW(parse_job_input({{"text", std::string(4096, 'a')}}));
  EXPECT_THAT(refusal_of({{"text", std::string(4097, 'a')}}), HasSubstr("found 4097"));
  EXPECT_THAT(refusal_of({{"text", std::string(100'000, 'a')}}), HasSubstr("expected at most 4096"));
}

TEST(JobInputTest, TextThatTheModelCannotReadAtOnceNeedsChunks) {
  const std::string text(900, 'a');
  EXPECT_NO_THROW(parse_job_input({{"text", text}}));
  EXPECT_THAT(refusal_of({{"text", text}, {"parameters", {{"max_chars_per_chunk", 0}}}}),
              HasSubstr("at most 768"));
}

// Every field with every kind of value: there is an answer, and it is one of two.
TEST(JobInputTest, AnyValueInAnyFieldIsTakenOrRefused) {
  std::vector<Json> values = {nullptr,
                              true,
                              false,
                              0,
                              -1,
                              1,
                              7.5,
                              1e308,
                              -0.0,
                              std::nan(""),
                              HUGE_VAL,
                              std::numeric_limits<int64_t>::min(),
                              std::numeric_limits<uint64_t>::max(),
                              "",
                              " ",
                              "0",
                              "-1",
                              "1e3",
                              "null",
                              "true",
                              "[1,2]",
                              "1,,2",
                              "\xFF",
                              std::string(70'000, '1'),
                              Json::array(),
                              Json::array({1, "2"}),
                              Json::array({nullptr}),
                              Json::object(),
                              Json::object({{"a", 1}})};
  values.push_back(Json::parse(std::string(200, '[') + std::string(200, ']')));
  values.push_back(Json::binary({1, 2, 3}));
  std::vector<std::string> parameters = {"preset", "output_format", "sample_rate", "bitrate"};
  for (const ParameterInfo& info : parameter_table()) parameters.emplace_back(info.name);
  int taken = 0, refused = 0;
  const auto attempt = [&](const Json& input) {
    try {
      parse_job_input(input);
      ++taken;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument) << error.what();
      EXPECT_LT(std::string(error.what()).size(), 500u);
      ++refused;
    }
  };
  for (const Json& value : values) {
    attempt(value);
    for (const char* name : {"text", "speaker_voice", "parameters", "session_id", "seed"}) {
      Json input = {{"text", "Hi."}};
      input[name] = value;
      attempt(input);
    }
    attempt({{"action", value}});
    for (const std::string& name : parameters) attempt(with_parameters({{name, value}}));
  }
  EXPECT_GT(taken, 50);
  EXPECT_GT(refused, 300);
}

struct BadInput {
  const char* name;
  Json input;
  const char* field;  // the message begins with it
  const char* part;   // and holds this
};

class BadJobInput : public testing::TestWithParam<BadInput> {};

TEST_P(BadJobInput, IsRefusedByName) {
  const std::string message = refusal_of(GetParam().input);
  EXPECT_THAT(message, testing::StartsWith(GetParam().field));
  EXPECT_THAT(message, HasSubstr(GetParam().part));
  EXPECT_THAT(message, Not(HasSubstr("orchard"))) << "the text is nobody else's business";
  EXPECT_THAT(message, Not(HasSubstr("\n")));
  EXPECT_LT(message.size(), 400u);
}

Json parameter(const char* name, const Json& value) { return with_parameters({{name, value}}); }

Json field(const char* name, const Json& value) {
  Json input = {{"text", kSecretText}};
  input[name] = value;
  return input;
}

const double kNan = std::nan("");
const std::string kLong(100'000, '9');

INSTANTIATE_TEST_SUITE_P(
    Table, BadJobInput,
    testing::Values(
        BadInput{"null", nullptr, "input: found null", "an object"},
        BadInput{"text_only", kSecretText, "input: found string", "an object"},
        BadInput{"list", Json::array({1}), "input: found array", "an object"},
        BadInput{"empty_object", Json::object(), "text: found nothing", "1 to 4096"},
        BadInput{"text_null", {{"text", nullptr}}, "text: found nothing", "1 to 4096"},
        BadInput{"text_number", {{"text", 5}}, "text: found number", "1 to 4096"},
        BadInput{"text_object", {{"text", {{"orchard", 1}}}}, "text: found object", "a string"},
        BadInput{"text_empty", {{"text", ""}}, "text: ", "empty"},
        BadInput{"text_blank", {{"text", " \n\t\u3000"}}, "text: ", "empty"},
        BadInput{"text_bell", {{"text", "orchard\a"}}, "text: character 8", "U+0007"},
        BadInput{"text_nul", {{"text", std::string("a\0b", 3)}}, "text: ", "U+0000"},
        BadInput{"text_not_utf8", {{"text", "orchard \xC3("}}, "", "UTF-8"},
        BadInput{"text_surrogate", {{"text", "\xED\xA0\x80"}}, "", "UTF-8"},
        BadInput{
            "action_unknown", {{"action", "explode"}}, "action: found \"explode\"", "health_check"},
        BadInput{"action_number", {{"action", 1}}, "action: found 1", "health_check"},
        BadInput{"voice_number", field("speaker_voice", 5), "speaker_voice: found 5", "null"},
        BadInput{"voice_object", field("speaker_voice", {{"url", "x"}}),
                 "speaker_voice: found an object", "null"},
        BadInput{"voice_empty", field("speaker_voice", ""), "voice \"\"", "name"},
        BadInput{"voice_absolute", field("speaker_voice", "/etc/a.wav"), "voice", "absolute"},
        BadInput{"voice_up", field("speaker_voice", "../a.wav"), "voice", "\"..\""},
        BadInput{"voice_url", field("speaker_voice", "https://h/a.wav"), "voice", "empty"},
        BadInput{"voice_suffix", field("speaker_voice", "passwd"), "voice", ".opus"},
        BadInput{"session_empty", field("session_id", ""), "session_id: found \"\"", "1 to 128"},
        BadInput{"session_number", field("session_id", 12), "session_id: found 12", "1 to 128"},
        BadInput{"session_dot", field("session_id", ".a"), "session_id: ", "no dot"},
        BadInput{"session_slash", field("session_id", "a/b"), "session_id: ", "1 to 128"},
        BadInput{"session_unicode", field("session_id", "é"), "session_id: ", "1 to 128"},
        BadInput{"session_long", field("session_id", std::string(129, 'a')),
                 "session_id: ", "1 to 128"},
        BadInput{"session_nul", field("session_id", std::string("a\0b", 3)),
                 "session_id: ", "1 to 128"},
        BadInput{"seed_negative", field("seed", -1), "seed: found -1", "from 0"},
        BadInput{"seed_text", field("seed", "one"), "seed: found one", "from 0"},
        BadInput{"seed_half", field("seed", 0.5), "seed: found 0.5", "from 0"},
        BadInput{"seed_true", field("seed", true), "seed: found true", "from 0"},
        BadInput{"seed_two_to_64", field("seed", Json::parse("18446744073709551616")),
                 "seed: found ", "from 0"},
        BadInput{"seed_list", field("seed", Json::array({1})), "seed: found a list", "from 0"},
        BadInput{"parameters_list", field("parameters", Json::array()), "parameters: found a list",
                 "an object"},
        BadInput{"parameters_text", field("parameters", "num_steps=5"), "parameters: found",
                 "an object"},
        BadInput{"preset_unknown", parameter("preset", "Loud"), "preset: found \"Loud\"",
                 "Independent-Low-CFG-Flat"},
        BadInput{"preset_number", parameter("preset", 1), "preset: found 1", "Independent"},
        BadInput{"steps_zero", parameter("num_steps", 0), "num_steps: found 0", "1 to 1000"},
        BadInput{"steps_minus", parameter("num_steps", -1), "num_steps: found -1", "1 to 1000"},
        BadInput{"steps_1e9", parameter("num_steps", 1'000'000'000), "num_steps: ", "1 to 1000"},
        BadInput{"steps_half", parameter("num_steps", 1.5), "num_steps: found 1.5", "an integer"},
        BadInput{"steps_nan", parameter("num_steps", kNan), "num_steps: found no finite number",
                 "1 to 1000"},
        BadInput{"steps_true", parameter("num_steps", true), "num_steps: found true", "1 to 1000"},
        BadInput{"steps_word", parameter("num_steps", "many"), "num_steps: found many",
                 "1 to 1000"},
        BadInput{"steps_blank", parameter("num_steps", ""), "num_steps: found \"\"", "1 to 1000"},
        BadInput{"steps_null_word", parameter("num_steps", "null"), "num_steps: found \"null\"",
                 "1 to 1000"},
        BadInput{"steps_long", parameter("num_steps", kLong), "num_steps: found \"9999",
                 "1 to 1000"},
        BadInput{"steps_hex", parameter("num_steps", "0x10"), "num_steps: found 0x10", "1 to 1000"},
        BadInput{"steps_list", parameter("num_steps", Json::array({4})), "num_steps: found a list of 1",
                 "one for each of block_sizes"},
        BadInput{"scale_inf", parameter("cfg_scale_text", "inf"), "cfg_scale_text: ", "0 to 100"},
        BadInput{"scale_nan", parameter("cfg_scale_text", "nan"), "cfg_scale_text: ", "0 to 100"},
        BadInput{"times_swapped", with_parameters({{"cfg_min_t", 0.9}, {"cfg_max_t", 0.1}}),
                 "cfg_min_t: found 0.9", "cfg_max_t"},
        BadInput{"length_641", parameter("sequence_length", 641), "sequence_length: found 641",
                 "1 to 640"},
        BadInput{"blocks_sum", parameter("block_sizes", {400, 400}), "block_sizes: ", "640"},
        BadInput{"blocks_nested", parameter("block_sizes", Json::parse("[[1]]")),
                 "block_sizes: found a list", "640"},
        BadInput{"blocks_null", parameter("block_sizes", Json::parse("[null]")),
                 "block_sizes: found a list", "640"},
        BadInput{"blocks_many", parameter("block_sizes", Json(std::vector<int>(700, 1))),
                 "block_sizes: found a list", "640"},
        BadInput{"flag_word", parameter("enable_crossfade", "maybe"),
                 "enable_crossfade: ", "true or false"},
        BadInput{"flag_two", parameter("enable_crossfade", 2),
                 "enable_crossfade: ", "true or false"},
        BadInput{"chunk_minus", parameter("max_chars_per_chunk", -1),
                 "max_chars_per_chunk: ", "0 to 4000"},
        BadInput{"format_unknown", parameter("output_format", "aiff"),
                 "output_format: found \"aiff\"", "ogg, wav, flac, mp3 or aac"},
        BadInput{"format_pcm", parameter("output_format", "pcm"), "output_format: found \"pcm\"",
                 "ogg, wav, flac, mp3 or aac"},
        BadInput{"format_number", parameter("output_format", 1), "output_format: found 1", "ogg"},
        BadInput{"rate_zero", parameter("sample_rate", 0), "sample_rate: found 0", "above 0"},
        BadInput{"rate_minus", parameter("sample_rate", -48000), "sample_rate: ", "above 0"},
        BadInput{"rate_half", parameter("sample_rate", 44100.5), "sample_rate: ", "an integer"},
        BadInput{"rate_word", parameter("sample_rate", "high"), "sample_rate: found \"high\"",
                 "an integer"},
        BadInput{"rate_not_of_opus", parameter("sample_rate", 44100), "sample_rate: found 44100",
                 "48000"},
        BadInput{"rate_huge", parameter("sample_rate", 1e300), "sample_rate: ", "above 0"},
        BadInput{"bitrate_low", parameter("bitrate", 1), "bitrate: found 1", "256000"},
        BadInput{"bitrate_true", parameter("bitrate", true), "bitrate: found true", "an integer"},
        BadInput{"bitrate_of_wav", with_parameters({{"output_format", "wav"}, {"bitrate", 64000}}),
                 "bitrate: found 64000", "wav"}),
    [](const auto& bad) { return bad.param.name; });

TEST(JobInput, MayAskForSubtitles) {
  EXPECT_FALSE(parse_job_input({{"text", "Hi."}}).subtitles);
  EXPECT_EQ(parse_job_input({{"text", "Hi."}, {"subtitles", "vtt"}}).subtitles,
            SubtitleFormat::kVtt);
  EXPECT_FALSE(parse_job_input({{"text", "Hi."}, {"subtitles", nullptr}}).subtitles);
  EXPECT_THROW(parse_job_input({{"text", "Hi."}, {"subtitles", "ass"}}), Error);
  EXPECT_THROW(parse_job_input({{"text", "Hi."}, {"subtitles", 1}}), Error);
}

TEST(JobInput, AProfileActsBeforeTheOtherParametersWhereverItStands) {
  const JobInput job = parse_job_input(
      {{"text", "Hi."}, {"parameters", {{"max_rerolls", 1}, {"profile", "natural"}}}});
  EXPECT_EQ(job.parameters.profile, Profile::kNatural);
  EXPECT_EQ(job.parameters.max_rerolls, 1);
  EXPECT_EQ(job.parameters.sequence_length, kAutoFrames);
}

}  // namespace
}  // namespace echo
