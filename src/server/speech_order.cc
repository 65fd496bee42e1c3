#include "server/speech_order.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <random>
#include <utility>

#include "audio/time_stretch.h"
#include "base/utf8.h"
#include "speech/job_input.h"
#include "speech/public_text.h"

namespace echo::server {
namespace {

constexpr size_t kLongestInstructions = 4096;  // code points
constexpr size_t kMaxIgnored = 20;

constexpr std::string_view kOwnModel = "echo-tts";
constexpr std::array<std::string_view, 3> kOpenAiModels = {"tts-1", "tts-1-hd", "gpt-4o-mini-tts"};
constexpr std::array<std::string_view, 2> kDatedModels = {"gpt-4o-mini-tts-2025-03-20",
                                                          "gpt-4o-mini-tts-2025-12-15"};
constexpr std::array<std::string_view, 2> kRepositories = {"echo-tts-base",
                                                           "jordand/echo-tts-base"};
constexpr std::array<std::string_view, 14> kVoices = {
    "alloy", "ash",  "ballad",  "coral", "echo",  "fable", "onyx",
    "nova",  "sage", "shimmer", "verse", "marin", "cedar", "default"};

// The fields that are read here by themselves.
constexpr std::array<std::string_view, 12> kFields = {
    "input",         "model",  "voice",       "response_format", "speed", "instructions",
    "stream_format", "stream", "sample_rate", "bitrate",         "seed",  "preset"};
constexpr std::array<std::string_view, 2> kContainers = {"extra_body", "params"};

constexpr int kOpenAiRate = 24'000;  // of bare samples, as OpenAI's clients expect
constexpr std::array<int, 5> kRates = {8000, 16'000, 24'000, 44'100, 48'000};

template <class List>
bool contains(const List& list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

std::string shown(const Json& value) {
  if (value.is_string()) return in_quotes(value.get_ref<const std::string&>(), 40);
  if (value.is_structured()) return value.is_object() ? "an object" : "a list";
  return value.dump();
}

[[noreturn]] void refuse(const std::string& field, const Json& found, const std::string& expected,
                         const std::string& code = "") {
  throw OpenAiError(400, field + ": found " + shown(found) + ", expected " + expected + ".", code,
                    field);
}

Json parsed(std::string_view body) {
  try {
    Json document = parse_json(body);
    if (document.is_object()) return document;
  } catch (const Error& error) {
    throw OpenAiError(400, "The body is no JSON: " + std::string(error.what()), "invalid_json");
  }
  throw OpenAiError(400, "The body is JSON, but no object.", "invalid_json");
}

// The fields of a request, with what stands in its containers; the outermost wins.
class Fields {
 public:
  explicit Fields(const Json& document) {
    add(document);
    for (const std::string_view name : kContainers) {
      const auto container = document.find(name);
      if (container == document.end() || container->is_null()) continue;
      if (!container->is_object()) refuse(std::string(name), *container, "an object");
      add(*container);
    }
  }

  // Null where it is absent.
  const Json& at(std::string_view name) const {
    static const Json kNull;
    const auto found = values_.find(name);
    return found == values_.end() ? kNull : *found->second;
  }

  std::optional<std::string> text(std::string_view name, const std::string& expected) const {
    const Json& value = at(name);
    if (value.is_null()) return std::nullopt;
    if (!value.is_string()) refuse(std::string(name), value, expected);
    return value.get<std::string>();
  }

  const auto& all() const { return values_; }

 private:
  void add(const Json& object) {
    for (const auto& [name, value] : object.items()) {
      if (value.is_null() || contains(kContainers, name)) continue;
      values_.emplace(name, &value);
    }
  }

  std::map<std::string, const Json*, std::less<>> values_;
};

std::string input_of(const Fields& fields, const SpeechOrderOptions& options) {
  const std::string expected =
      "a string of 1 to " + std::to_string(options.max_input_chars) + " characters";
  auto input = fields.text("input", expected);
  if (!input) {
    throw OpenAiError(400, "Missing required parameter: 'input', expected " + expected + ".",
                      "missing_required_parameter", "input");
  }
  // Four bytes a character at most: no need to count those of a very long text.
  const size_t least = input->size() / 4;
  const size_t chars = least > options.max_input_chars ? least : count_code_points(*input);
  if (chars > options.max_input_chars) {
    throw OpenAiError(400,
                      "input: found " + std::string(least == chars ? "more than " : "") +
                          std::to_string(chars) + " characters, expected at most " +
                          std::to_string(options.max_input_chars) + ".",
                      "string_above_max_length", "input");
  }
  if (find_invalid_utf8(*input)) {
    throw OpenAiError(400, "input: it is not UTF-8.", "", "input");
  }
  if (input->find_first_not_of(" \t\r\n") == std::string::npos) {
    throw OpenAiError(400, "input: found only blanks, expected a text.", "", "input");
  }
  return *std::move(input);
}

std::string voice_of(const Fields& fields) {
  const std::string expected = "the name of a voice, or an object with its \"id\"";
  const Json& value = fields.at("voice");
  if (value.is_null()) return {};
  if (value.is_string()) return value.get<std::string>();
  const auto id = value.is_object() ? value.find("id") : value.end();
  if (!value.is_object() || id == value.end() || !id->is_string()) {
    refuse("voice", value, expected);
  }
  return id->get<std::string>();
}

bool flag_of(const Fields& fields, std::string_view name, bool otherwise) {
  const Json& value = fields.at(name);
  if (value.is_null()) return otherwise;
  if (!value.is_boolean()) refuse(std::string(name), value, "true or false");
  return value.get<bool>();
}

double speed_of(const Fields& fields) {
  const Json& value = fields.at("speed");
  if (value.is_null()) return 1;
  const double speed = value.is_number() ? value.get<double>() : 0;
  if (!(speed >= TimeStretch::kSlowest && speed <= TimeStretch::kFastest)) {
    refuse("speed", value, "a number from 0.25 to 4");
  }
  return speed;
}

AudioFormat format_of(const Fields& fields) {
  const std::string expected = "one of mp3, opus, aac, flac, wav and pcm";
  const auto name = fields.text("response_format", expected);
  if (!name) return AudioFormat::kMp3;
  if (*name == "ogg_opus") return AudioFormat::kOggOpus;
  for (const AudioFormat format : {AudioFormat::kMp3, AudioFormat::kAac, AudioFormat::kFlac,
                                   AudioFormat::kWav, AudioFormat::kPcm, AudioFormat::kOggOpus}) {
    if (*name == format_name(format)) return format;
  }
  if (*name == "opus") return AudioFormat::kOggOpus;
  refuse("response_format", fields.at("response_format"), expected, "unknown_format");
}

int bitrate_of(const Fields& fields) {
  const std::string expected = "bits a second, such as 128000 or \"128k\"";
  const Json& value = fields.at("bitrate");
  if (value.is_null()) return 0;
  double number = value.is_number() ? value.get<double>() : 0;
  if (value.is_string()) {
    std::string_view text = value.get_ref<const std::string&>();
    const bool thousands = text.ends_with('k') || text.ends_with('K');
    if (thousands) text.remove_suffix(1);
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size()) number = 0;
    if (thousands) number *= 1000;
  }
  if (!(number >= 1 && number <= 1e9) || number != std::floor(number)) {
    refuse("bitrate", value, expected);
  }
  return static_cast<int>(number);
}

EncodeOptions output_of(const Fields& fields, const std::string& model) {
  EncodeOptions output;
  output.format = format_of(fields);
  output.bitrate = bitrate_of(fields);
  if (const Json& rate = fields.at("sample_rate"); !rate.is_null()) {
    const auto known = std::find_if(kRates.begin(), kRates.end(), [&](int r) { return rate == r; });
    if (known == kRates.end()) {
      refuse("sample_rate", rate, "one of 8000, 16000, 24000, 44100 and 48000");
    }
    output.sample_rate = *known;
  } else if (output.format == AudioFormat::kPcm && is_openai_model(model)) {
    output.sample_rate = kOpenAiRate;
  }
  try {
    return validate(output);
  } catch (const Error& error) {
    const std::string text = error.what();
    throw OpenAiError(400, text, "", text.substr(0, text.find(':')));
  }
}

uint64_t random_seed() {
  std::random_device device;
  return device() & 0x7FFFFFFFU;
}

// What jobs call parameters.
void read_parameters(const Fields& fields, SpeechOrder& order) {
  const auto read = [&](const std::string& name, const Json& value) {
    EncodeOptions unused;
    try {
      parse_parameters(Json{{name, value}}, order.parameters, unused, order.warnings);
    } catch (const Error& error) {
      throw OpenAiError(400, error.what(), "", name);
    }
  };
  // A profile and a preset act before the others, wherever they stand.
  if (const Json& profile = fields.at("profile"); !profile.is_null()) read("profile", profile);
  if (const Json& preset = fields.at("preset"); !preset.is_null()) read("preset", preset);
  for (const auto& [name, value] : fields.all()) {
    if (contains(kFields, name)) continue;
    if (is_job_parameter(name)) {
      if (name != "profile" && name != "preset") read(name, *value);
    } else if (order.ignored.size() < kMaxIgnored) {
      order.ignored.push_back(name);
    }
  }
  const Json& seed = fields.at("seed");
  const bool chosen = seed.is_null() || seed == -1;
  if (chosen) {
    order.parameters.seed = random_seed();
  } else {
    read("seed", seed);
  }
  try {
    validate(order.parameters);
  } catch (const Error& error) {
    const std::string text = error.what();
    throw OpenAiError(400, text, "", text.substr(0, text.find_first_of(": ")));
  }
  for (std::string& warning : parameter_warnings(order.parameters)) {
    order.warnings.push_back(std::move(warning));
  }
}

}  // namespace

SpeechOrder parse_speech_order(std::string_view body, const SpeechOrderOptions& options,
                               const SpeechParameters& defaults) {
  const Json document = parsed(body);
  const Fields fields(document);
  SpeechOrder order;
  order.parameters = defaults;
  order.model = fields.text("model", "the name of a model").value_or("");
  if (!order.model.empty() && !is_model(order.model, options)) throw unknown_model(order.model);
  order.voice = voice_of(fields);
  order.output = output_of(fields, order.model);
  order.speed = speed_of(fields);
  order.streamed = flag_of(fields, "stream", true);
  const std::string formats = "\"audio\" or \"sse\"";
  const std::string format = fields.text("stream_format", formats).value_or("audio");
  if (format != "audio" && format != "sse") {
    refuse("stream_format", fields.at("stream_format"), formats);
  }
  order.events = format == "sse";
  const std::string at_most = "a string of at most " + std::to_string(kLongestInstructions);
  const auto instructions = fields.text("instructions", at_most + " characters");
  if (instructions && count_code_points(*instructions) > kLongestInstructions) {
    throw OpenAiError(400, "instructions: expected " + at_most + " characters.",
                      "string_above_max_length", "instructions");
  }
  if (instructions && !instructions->empty()) order.ignored.emplace_back("instructions");
  read_parameters(fields, order);
  order.input = input_of(fields, options);
  return order;
}

std::vector<std::string> listed_models(const SpeechOrderOptions& options) {
  std::vector<std::string> models{std::string(kOwnModel)};
  models.insert(models.end(), kOpenAiModels.begin(), kOpenAiModels.end());
  for (const std::string& alias : options.model_aliases) {
    if (!contains(models, alias)) models.push_back(alias);
  }
  return models;
}

bool is_openai_model(std::string_view name) {
  return contains(kOpenAiModels, name) || contains(kDatedModels, name);
}

bool is_model(std::string_view name, const SpeechOrderOptions& options) {
  return name == kOwnModel || is_openai_model(name) || contains(kRepositories, name) ||
         contains(options.model_aliases, name);
}

bool is_openai_voice(std::string_view name) { return contains(kVoices, name); }

}  // namespace echo::server
