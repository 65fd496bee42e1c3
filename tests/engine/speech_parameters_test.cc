#include "engine/speech_parameters.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <set>

#include "base/error.h"

namespace echo {
namespace {

// The message of the kInvalidArgument that `action` must throw.
template <class Action>
std::string refusal(Action action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}

std::string set_refusal(std::string_view name, std::string_view text) {
  SpeechParameters parameters;
  return refusal([&] { set_parameter(parameters, name, text); });
}

TEST(SpeechParameters, DefaultsAreThoseOfTheTableAndValid) {
  const SpeechParameters defaults;
  validate(defaults);
  for (const ParameterInfo& info : parameter_table()) {
    EXPECT_EQ(parameter_text(defaults, info.name), info.default_text) << info.name;
  }
  EXPECT_TRUE(parameter_warnings(defaults).empty());
}

TEST(SpeechParameters, TableNamesEveryParameterOnceWithHelp) {
  std::set<std::string_view> names;
  for (const ParameterInfo& info : parameter_table()) {
    EXPECT_TRUE(names.insert(info.name).second) << info.name;
    EXPECT_FALSE(info.help.empty());
    EXPECT_LT(info.minimum, info.maximum);
  }
  for (const char* name : {"num_steps", "cfg_scale_text", "cfg_scale_speaker", "cfg_min_t",
                           "cfg_max_t", "truncation_factor", "rescale_k", "rescale_sigma",
                           "speaker_kv_scale", "speaker_kv_max_layers", "speaker_kv_min_t",
                           "sequence_length", "block_sizes", "seed", "max_chars_per_chunk",
                           "enable_crossfade", "normalize_boundaries", "target_duration_seconds"}) {
    EXPECT_EQ(names.count(name), 1u) << name;
  }
}

TEST(SpeechParameters, EveryEndOfARangeIsAccepted) {
  for (const ParameterInfo& info : parameter_table()) {
    if (info.name == "seed") continue;
    SpeechParameters parameters;
    for (const double value : {info.minimum, info.maximum}) {
      std::string text = std::to_string(value);
      if (info.type == ParameterType::kBoolean) text = value == 0 ? "false" : "true";
      if (info.type == ParameterType::kProfile) text = value == 0 ? "published" : "natural";
      if (info.type == ParameterType::kContinuity) text = value == 0 ? "none" : "text";
      if (info.type == ParameterType::kChoice) {
        const size_t first_end = info.choices.find(' '), last = info.choices.rfind(' ') + 1;
        text = value == 0 ? info.choices.substr(0, first_end) : info.choices.substr(last);
      }
      if (info.type == ParameterType::kWordList) {
        text = "[";
        for (int i = 0; i < static_cast<int>(value); ++i) text += i == 0 ? "clanks" : ",clanks";
        text += "]";
      }
      EXPECT_TRUE(set_parameter(parameters, info.name, text)) << info.name;
    }
  }
}

TEST(SpeechParameters, EveryValueBeyondARangeIsRefusedByNameValueAndRange) {
  for (const ParameterInfo& info : parameter_table()) {
    if (info.type == ParameterType::kBoolean || info.name == "seed") continue;
    for (const std::string& text : {std::to_string(static_cast<int64_t>(info.minimum) - 1),
                                    std::to_string(static_cast<int64_t>(info.maximum) + 1)}) {
      const std::string message = set_refusal(info.name, text);
      EXPECT_NE(message.find(std::string(info.name) + ": found "), std::string::npos) << message;
      EXPECT_NE(message.find(text), std::string::npos) << message;
      EXPECT_NE(message.find(expected_value(info)), std::string::npos) << message;
    }
  }
}

TEST(SpeechParameters, NumbersMayBeText) {
  SpeechParameters parameters;
  EXPECT_TRUE(set_parameter(parameters, "num_steps", "12"));
  EXPECT_TRUE(set_parameter(parameters, "cfg_scale_text", " 2.5 "));
  EXPECT_TRUE(set_parameter(parameters, "truncation_factor", "8e-1"));
  EXPECT_TRUE(set_parameter(parameters, "sequence_length", "64.0"));
  EXPECT_TRUE(set_parameter(parameters, "speaker_kv_max_layers", "24"));
  EXPECT_TRUE(set_parameter(parameters, "enable_crossfade", "false"));
  EXPECT_TRUE(set_parameter(parameters, "block_sizes", "[16, 24,8]"));
  EXPECT_EQ(parameters.num_steps, 12);
  EXPECT_EQ(parameters.cfg_scale_text, 2.5);
  EXPECT_EQ(parameters.truncation_factor, 0.8);
  EXPECT_EQ(parameters.sequence_length, 64);
  EXPECT_EQ(parameters.speaker_kv_max_layers, 24);
  EXPECT_FALSE(parameters.enable_crossfade);
  EXPECT_EQ(parameters.block_sizes, (std::vector<int64_t>{16, 24, 8}));
  EXPECT_EQ(parameter_text(parameters, "block_sizes"), "[16, 24, 8]");
  EXPECT_TRUE(set_parameter(parameters, "block_sizes", "5,6"));
  EXPECT_EQ(parameters.block_sizes, (std::vector<int64_t>{5, 6}));
}

TEST(SpeechParameters, EachBlockMayHaveStepsOfItsOwn) {
  SpeechParameters parameters;
  set_parameter(parameters, "num_steps", "[8, 15,20]");
  EXPECT_EQ(parameters.block_steps, (std::vector<int64_t>{8, 15, 20}));
  EXPECT_EQ(parameter_text(parameters, "num_steps"), "[8, 15, 20]");
  try {
    validate(parameters);
    ADD_FAILURE() << "there are no blocks";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(),
                 "num_steps: found a list of 3, expected one for each of block_sizes, which are 0");
  }
  set_parameter(parameters, "block_sizes", "32,128,480");
  validate(parameters);
  EXPECT_NE(set_refusal("num_steps", "8,0").find("num_steps: found 0"), std::string::npos);
  set_parameter(parameters, "num_steps", "12");
  EXPECT_EQ(parameters.num_steps, 12);
  EXPECT_TRUE(parameters.block_steps.empty());
}

TEST(SpeechParameters, NullGivesTheDefaultBack) {
  SpeechParameters parameters;
  for (const ParameterInfo& info : parameter_table()) {
    if (info.type == ParameterType::kProfile) continue;
    if (info.type == ParameterType::kContinuity) {
      set_parameter(parameters, info.name, "paragraph");
    } else if (info.type == ParameterType::kChoice) {
      set_parameter(parameters, info.name, info.choices.substr(info.choices.rfind(' ') + 1));
    } else if (info.type == ParameterType::kWordList) {
      set_parameter(parameters, info.name, "clanks");
    } else if (info.type == ParameterType::kBoolean) {
      set_parameter(parameters, info.name, info.default_text == "true" ? "false" : "true");
    } else if (info.name == "cfg_max_t") {
      set_parameter(parameters, info.name, "0.75");
    } else if (info.name == "cfg_interval") {
      set_parameter(parameters, info.name, "2");
    } else if (info.name == "chars_per_second") {
      set_parameter(parameters, info.name, "10");
    } else {
      set_parameter(parameters, info.name, "1");
    }
    EXPECT_NE(parameter_text(parameters, info.name), info.default_text) << info.name;
    EXPECT_TRUE(set_parameter(parameters, info.name, "null"));
    EXPECT_EQ(parameter_text(parameters, info.name), info.default_text) << info.name;
  }
}

TEST(SpeechParameters, SeedHasSixtyFourBits) {
  SpeechParameters parameters;
  EXPECT_TRUE(set_parameter(parameters, "seed", "18446744073709551615"));
  EXPECT_EQ(parameters.seed, 0xffffffffffffffffu);
  EXPECT_TRUE(set_parameter(parameters, "seed", "9007199254740993"));  // no double holds it
  EXPECT_EQ(parameters.seed, 9007199254740993u);
  for (const char* text : {"-1", "18446744073709551616", "1.5", "nan", "x"}) {
    EXPECT_NE(set_refusal("seed", text).find("0 to 18446744073709551615"), std::string::npos);
  }
}

TEST(SpeechParameters, RefusesWhatIsNoValue) {
  const std::pair<const char*, const char*> cases[] = {
      {"num_steps", "0"},         {"num_steps", "-1"},           {"num_steps", "1000000000"},
      {"num_steps", "nan"},       {"num_steps", "40.5"},         {"num_steps", ""},
      {"num_steps", "forty"},     {"num_steps", "40x"},          {"num_steps", "[40"},
      {"num_steps", "true"},      {"num_steps", "0x10"},         {"num_steps", "1e400"},
      {"cfg_scale_text", "NaN"},  {"cfg_scale_text", "inf"},     {"cfg_scale_text", "-inf"},
      {"cfg_scale_text", "1e99"}, {"cfg_scale_text", "{}"},      {"cfg_min_t", "1.0001"},
      {"sequence_length", "641"}, {"enable_crossfade", "maybe"}, {"enable_crossfade", "2"},
      {"block_sizes", "[0]"},     {"block_sizes", "[1,,2]"},     {"block_sizes", "[1,2,]"},
      {"block_sizes", "[1.5]"},   {"block_sizes", "[320,321]"},  {"block_sizes", "[[1]]"},
  };
  for (const auto& [name, text] : cases) {
    EXPECT_NE(set_refusal(name, text).find(name), std::string::npos) << name << " " << text;
  }
}

TEST(SpeechParameters, RefusedValueLeavesTheParametersAlone) {
  SpeechParameters parameters;
  EXPECT_THROW(set_parameter(parameters, "num_steps", "1001"), Error);
  EXPECT_EQ(parameters.num_steps, 40);
}

TEST(SpeechParameters, MessageShowsALongOrBinaryValueCutAndClean) {
  const std::string message = set_refusal("num_steps", std::string(100000, 'a') + "\n");
  EXPECT_LT(message.size(), 200u);
  EXPECT_NE(set_refusal("num_steps", "\x01\xff").find("??"), std::string::npos);
}

TEST(SpeechParameters, UnknownNameIsReportedAsSuch) {
  SpeechParameters parameters;
  EXPECT_FALSE(set_parameter(parameters, "temperature", "1"));
  EXPECT_THROW(parameter_text(parameters, "temperature"), Error);
}

TEST(SpeechParameters, ValidateChecksValuesThatWereSetDirectly) {
  const auto refused = [](auto change) {
    SpeechParameters parameters;
    change(parameters);
    return refusal([&] { validate(parameters); });
  };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_NE(refused([](auto& p) { p.num_steps = 0; }).find("num_steps"), std::string::npos);
  EXPECT_NE(refused([&](auto& p) { p.cfg_scale_text = nan; }).find("cfg_scale_text"),
            std::string::npos);
  EXPECT_NE(refused([&](auto& p) { p.rescale_k = nan; }).find("rescale_k"), std::string::npos);
  EXPECT_NE(refused([&](auto& p) { p.speaker_kv_scale = 0; }).find("speaker_kv_scale"),
            std::string::npos);
  EXPECT_NE(refused([](auto& p) { p.sequence_length = 641; }).find("sequence_length"),
            std::string::npos);
  EXPECT_NE(refused([](auto& p) {
              p.block_sizes = {600, 41};
            }).find("block_sizes"),
            std::string::npos);
  EXPECT_NE(refused([](auto& p) { p.max_chars_per_chunk = -1; }).find("max_chars_per_chunk"),
            std::string::npos);
}

TEST(SpeechParameters, GuidanceWindowMustNotBeEmpty) {
  SpeechParameters parameters;
  parameters.cfg_min_t = 0.8;
  parameters.cfg_max_t = 0.6;
  const std::string message = refusal([&] { validate(parameters); });
  EXPECT_NE(message.find("cfg_min_t: found 0.8"), std::string::npos) << message;
  EXPECT_NE(message.find("0.6"), std::string::npos) << message;
  parameters.cfg_max_t = 0.8;
  validate(parameters);
}

TEST(SpeechParameters, WarnsOfWhatHasNoEffect) {
  SpeechParameters parameters;
  parameters.rescale_k = 1.2;
  EXPECT_EQ(parameter_warnings(parameters).size(), 1u);
  parameters.rescale_sigma = 3;
  EXPECT_TRUE(parameter_warnings(parameters).empty());
  parameters.speaker_kv_min_t = 0.9;
  EXPECT_EQ(parameter_warnings(parameters).size(), 1u);
  parameters.speaker_kv_scale = 1.5;
  EXPECT_TRUE(parameter_warnings(parameters).empty());
  parameters.block_sizes = {10};
  EXPECT_TRUE(parameter_warnings(parameters).empty());
  parameters.sequence_length = 64;
  EXPECT_EQ(parameter_warnings(parameters).size(), 1u);
}

TEST(SpeechParameters, AProfileSetsWhatDependsOnItAndNothingElse) {
  SpeechParameters parameters;
  parameters.seed = 9;
  parameters.num_steps = 7;
  ASSERT_TRUE(set_parameter(parameters, "profile", "natural"));
  for (const ParameterInfo& info : parameter_table()) {
    if (info.name == "seed" || info.name == "num_steps") continue;
    const std::string_view expected =
        info.natural_text.empty() ? info.default_text : info.natural_text;
    EXPECT_EQ(parameter_text(parameters, info.name), expected) << info.name;
  }
  EXPECT_EQ(parameters.seed, 9u);
  EXPECT_EQ(parameters.num_steps, 7);
  EXPECT_TRUE(parameter_warnings(parameters).empty());
  validate(parameters);
  // Every part can be set alone, and null gives the profile's own value back.
  set_parameter(parameters, "sequence_length", "320");
  EXPECT_EQ(parameters.sequence_length, 320);
  EXPECT_TRUE(parameters.trim_tail);
  set_parameter(parameters, "sequence_length", "null");
  EXPECT_EQ(parameter_text(parameters, "sequence_length"), "auto");
  set_parameter(parameters, "profile", "published");
  EXPECT_EQ(parameters.sequence_length, kMaxFrames);
  EXPECT_EQ(parameters.max_chars_per_chunk, 300);
}

TEST(SpeechParameters, RefusesAProfileThatThereIsNot) {
  EXPECT_EQ(set_refusal("profile", "loud"), "profile: found loud, expected published or natural");
  EXPECT_EQ(refusal([] { parse_profile("", "ECHO_PROFILE"); }),
            "ECHO_PROFILE: found , expected published or natural");
  EXPECT_NE(set_refusal("sequence_length", "0").find("or auto"), std::string::npos);
}

TEST(Presets, AreTheSixPublishedOnesAndValid) {
  ASSERT_EQ(sampler_presets().size(), 6u);
  for (const SamplerPreset& preset : sampler_presets()) {
    SpeechParameters parameters;
    parameters.seed = 9;
    apply_preset(preset.name, parameters);
    validate(parameters);
    EXPECT_EQ(parameters.seed, 9u);
    EXPECT_TRUE(parameters.speaker_scale_chosen);
  }
  SpeechParameters flat;
  apply_preset("Independent-High-CFG-Flat", flat);
  EXPECT_EQ(flat.num_steps, 40);
  EXPECT_EQ(flat.cfg_scale_text, 8);
  EXPECT_EQ(flat.cfg_scale_speaker, 8);
  EXPECT_EQ(flat.cfg_min_t, 0.5);
  EXPECT_EQ(flat.cfg_max_t, 1);
  EXPECT_EQ(flat.truncation_factor, 0.8);
  EXPECT_EQ(flat.rescale_k, 1.2);
  EXPECT_EQ(flat.rescale_sigma, 3);
  SpeechParameters low;
  apply_preset("Independent-Low-CFG", low);
  EXPECT_EQ(low.cfg_scale_text, 3);
  EXPECT_EQ(low.cfg_scale_speaker, 3);
  EXPECT_EQ(low.truncation_factor, 1);
}

TEST(Presets, UnknownNameListsTheKnownOnes) {
  SpeechParameters parameters;
  const std::string message = refusal([&] { apply_preset("Loud", parameters); });
  for (const SamplerPreset& preset : sampler_presets()) {
    EXPECT_NE(message.find(preset.name), std::string::npos) << message;
  }
}

TEST(SpeechParameters, SolverAndIntervalOfGuidance) {
  SpeechParameters parameters;
  EXPECT_TRUE(set_parameter(parameters, "solver", "heun"));
  EXPECT_EQ(parameters.solver, Solver::kHeun);
  EXPECT_TRUE(set_parameter(parameters, "solver", "ab2"));
  EXPECT_EQ(parameters.solver, Solver::kAb2);
  EXPECT_EQ(set_refusal("solver", "rk4"), "solver: found rk4, expected euler, ab2 or heun");
  EXPECT_TRUE(set_parameter(parameters, "cfg_interval", "3"));
  EXPECT_TRUE(parameter_warnings(parameters).empty());
  parameters.cfg_scale_text = parameters.cfg_scale_speaker = 0;
  EXPECT_EQ(parameter_warnings(parameters),
            (std::vector<std::string>{"cfg_interval has no effect without guidance"}));
  apply_preset("Independent-High-CFG", parameters);
  EXPECT_EQ(parameters.solver, Solver::kEuler);
  EXPECT_EQ(parameters.cfg_interval, 1);
}

TEST(SpeechParameters, ChoicesAreWords) {
  SpeechParameters parameters;
  EXPECT_TRUE(set_parameter(parameters, "numbers", "digits"));
  EXPECT_EQ(parameters.numbers, NumberStyle::kDigits);
  EXPECT_EQ(parameter_text(parameters, "numbers"), "digits");
  EXPECT_TRUE(set_parameter(parameters, "date_order", " day_first "));
  EXPECT_EQ(parameters.date_order, DateOrder::kDayFirst);
  EXPECT_EQ(set_refusal("numbers", "roman"),
            "numbers: found roman, expected auto, words or digits");
  EXPECT_EQ(set_refusal("code", ""), "code: found , expected drop or read");
}

TEST(SpeechParameters, SoundEventsAreWords) {
  SpeechParameters parameters;
  EXPECT_TRUE(set_parameter(parameters, "sound_events", "[\"whooshes\", \"door slams\"]"));
  EXPECT_EQ(parameters.sound_events, (std::vector<std::string>{"whooshes", "door slams"}));
  EXPECT_TRUE(set_parameter(parameters, "sound_events", "whooshes,clanks"));
  EXPECT_EQ(parameters.sound_events.size(), 2u);
  EXPECT_NE(set_refusal("sound_events", "a;b").find("letters"), std::string::npos);
  EXPECT_NE(set_refusal("sound_events", std::string(41, 'a')).find("letters"), std::string::npos);
}

TEST(SpeechParameters, ForceSpeakerSetsWhatIsNotSet) {
  SpeechParameters parameters;
  apply_force_speaker(parameters);
  EXPECT_FALSE(parameters.speaker_kv_scale);
  set_parameter(parameters, "force_speaker", "true");
  apply_force_speaker(parameters);
  EXPECT_EQ(parameters.speaker_kv_scale, 1.5);
  EXPECT_EQ(parameters.speaker_kv_min_t, 0.9);
  EXPECT_EQ(parameters.speaker_kv_max_layers, 24);

  parameters = {};
  set_parameter(parameters, "force_speaker", "1.2");
  set_parameter(parameters, "speaker_kv_min_t", "0.5");
  EXPECT_TRUE(parameter_warnings(parameters).empty());
  apply_force_speaker(parameters);
  EXPECT_EQ(parameters.speaker_kv_scale, 1.2);
  EXPECT_EQ(parameters.speaker_kv_min_t, 0.5);
  EXPECT_EQ(parameters.speaker_kv_max_layers, 24);

  set_parameter(parameters, "force_speaker", "false");
  EXPECT_FALSE(parameters.force_speaker);
  EXPECT_EQ(set_refusal("force_speaker", "0.4"),
            "force_speaker: found 0.4, expected true, false or a number from 0.5 to 3");
  EXPECT_NE(set_refusal("force_speaker", "loud").find("true, false or"), std::string::npos);
}

TEST(SpeechParameters, TellsThatPartsOfTheFrontEndNeedIt) {
  SpeechParameters parameters;
  parameters.numbers = NumberStyle::kWords;
  ASSERT_EQ(parameter_warnings(parameters).size(), 1u);
  EXPECT_EQ(parameter_warnings(parameters)[0], "numbers has no effect without text_processing");
  parameters.text_processing = true;
  EXPECT_TRUE(parameter_warnings(parameters).empty());
}

}  // namespace
}  // namespace echo
