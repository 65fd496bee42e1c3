#include <unistd.h>

#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <memory>
#include <sstream>

#include "apps/command.h"
#include "apps/engine_options.h"
#include "apps/interrupt.h"
#include "apps/output_file.h"
#include "apps/progress_line.h"
#include "apps/spoken_output.h"
#include "audio/voice.h"
#include "base/error.h"
#include "base/json.h"
#include "base/visible_text.h"
#include "engine/engine.h"
#include "engine/window.h"
#include "net/curl_http_client.h"
#include "speech/job_input.h"
#include "speech/job_report.h"
#include "speech/speech_metadata.h"
#include "speech/subtitles.h"
#include "speech/text_preview.h"
#include "speech/unicode_name.h"
#include "text/planned_text.h"

namespace echo::apps {
namespace {

constexpr size_t kMaxTextBytes = size_t{16} << 20;

// A long novel. What is spoken is not held, so this is against a file that was meant for something
// else.
constexpr int64_t kLongestText = 2'000'000;
constexpr int64_t kMaxCharsEver = 1'000'000'000;

struct SayOptions {
  std::optional<std::string> text;
  std::string text_file, voice, output = "speech.ogg", format, preset, subtitles;
  int sample_rate = 0, bitrate = 0;
  bool json = false, quiet = false, dry_run = false;
  EngineFlags engine;
  std::map<std::string, std::string> parameters;  // by request name
  int64_t max_text_chars = 0;                     // 0: not given
};

std::string read_text(std::istream& in, const std::string& name) {
  std::string text(kMaxTextBytes + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad()) throw_unavailable("text " + name + ": cannot be read");
  text.resize(static_cast<size_t>(in.gcount()));
  if (text.size() > kMaxTextBytes) {
    throw_invalid("text " + name + ": more than " + std::to_string(kMaxTextBytes) +
                  " bytes, which is the limit");
  }
  // A byte order mark is no part of the text, nor is the last line's end.
  if (text.rfind("\xef\xbb\xbf", 0) == 0) text.erase(0, 3);
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  return text;
}

// The file of that name, or of an equal one.
std::string input_path(const std::string& name) {
  const std::filesystem::path path(name);
  std::error_code error;
  if (std::filesystem::exists(path, error)) return name;
  const std::filesystem::path folder = path.is_absolute() ? "/" : ".";
  const auto equal = find_equal_name(folder, path.relative_path().string());
  if (!equal) return name;
  return path.is_absolute() ? (folder / *equal).string() : std::string(*equal);
}

std::string text_of(const SayOptions& options) {
  const std::string& file = options.text_file;
  if (options.text && !file.empty()) {
    throw_invalid("text: given on the command line and with --file; expected one of them");
  }
  if (options.text == "-" || file == "-") return read_text(std::cin, "from standard input");
  if (options.text) return *options.text;
  if (file.empty()) {
    if (::isatty(STDIN_FILENO) == 0) return read_text(std::cin, "from standard input");
    throw_invalid("text: found none; expected a text, --file, or a text on standard input");
  }
  if (std::filesystem::is_directory(input_path(file))) {
    throw_invalid("text file " + file + ": a directory; expected a text file");
  }
  std::ifstream in(input_path(file), std::ios::binary);
  if (!in) throw_not_found("text file " + file + ": cannot be opened");
  return read_text(in, file);
}

EncodeOptions encoding_of(const SayOptions& options) {
  EncodeOptions encoding;
  if (!options.format.empty()) {
    encoding.format = parse_audio_format(options.format);
  } else if (options.output != "-") {
    const std::string suffix = std::filesystem::path(options.output).extension().string();
    if (!suffix.empty()) encoding.format = parse_audio_format(suffix.substr(1));
  } else {
    encoding.format = AudioFormat::kWav;  // what every player reads from a pipe
  }
  if (options.sample_rate > 0) encoding.sample_rate = options.sample_rate;
  if (options.bitrate > 0) encoding.bitrate = options.bitrate;
  return validate(encoding);
}

SpeechParameters parameters_of(const SayOptions& options, const SpeechParameters& defaults) {
  SpeechParameters parameters = defaults;
  // What depends on the profile, and then everything else, wherever they stand.
  const auto profile = options.parameters.find("profile");
  if (profile != options.parameters.end()) set_parameter(parameters, "profile", profile->second);
  if (!options.preset.empty()) apply_preset(options.preset, parameters);
  for (const auto& [name, value] : options.parameters) {
    if (name != "profile") set_parameter(parameters, name, value);
  }
  validate(parameters);
  return parameters;
}

// The file of --voice, or the model's sample voice of that name.
std::string voice_file(const std::string& voice, const LocatedModel& model) {
  std::error_code error;
  if (voice.find('/') != voice.npos || std::filesystem::exists(input_path(voice), error)) {
    return voice;
  }
  if (const auto sample = model.voices.find(voice)) return *sample;
  if (model.voices.empty()) return voice;
  throw_not_found("voice " + voice + ": there is no such file; " + model.name +
                  " has sample voices of its own: " + model.voices.list());
}

// The recording, or nothing without --voice. Warnings about the file go to `warnings`.
std::optional<VoiceReference> voice_of(const SayOptions& options, const LocatedModel& model,
                                       std::vector<std::string>& warnings, std::stop_token stop) {
  if (options.voice.empty()) return {};
  Voice voice = load_voice(input_path(voice_file(options.voice, model)), {.stop = stop});
  for (const std::string& warning : voice.warnings) {
    warnings.push_back("voice " + options.voice + ": " + warning);
  }
  return voice_of_samples(std::move(voice.samples));
}

// What a job's metadata tells, and where the speech lies.
Json json_of(const SayOptions& options, const JobInput& input, const SpokenAudioSummary& spoken,
             const EngineInfo& info, const std::string& model) {
  JobReport report;
  fill_report(spoken, report);
  report.total_seconds = spoken.speech.timings.total;
  Json document = speech_metadata(input, spoken.speech, report, {model, info.device});
  document["file"] = options.output;
  document["bytes"] = spoken.bytes;
  document["format"] = format_name(input.output.format);
  document["real_time_factor"] = report.total_seconds / spoken.speech.seconds();
  document["precision"] = info.precision;
  return document;
}

LocatedModel model_of(const SayOptions& options, HttpClient& http) {
  try {
    return locate_model(options.engine.source, http, {.small_voice = true});
  } catch (const Error&) {
    // A text can be read without a model; only defaults of its own are not known then.
    if (!options.dry_run) throw;
    LocatedModel none;
    none.defaults = echo::parameters_of(options.engine.source.profile);
    set_parameters(options.engine.source, none.defaults);
    return none;
  }
}

int say(const SayOptions& options, const Environment& environment) {
  const std::stop_token stop = catch_interrupts();
  // Everything that can be wrong with the request is found before the model is loaded.
  SpeechRequest request;
  request.text = text_of(options);
  EngineOptions engine_options = options.engine.options();
  engine_options.max_text_chars =
      options.max_text_chars > 0
          ? options.max_text_chars
          : environment.integer("MAX_TEXT_CHARS", kLongestText, 1, kMaxCharsEver);
  const std::unique_ptr<HttpClient> http = make_http_client();
  const LocatedModel model = model_of(options, *http);
  request.parameters = parameters_of(options, model.defaults);
  check_text_length(request.text, engine_options.max_text_chars);
  const auto plan = std::make_shared<const PlannedText>(
      plan_text(request.text, text_options_of(request.parameters)));
  request.plan = plan;
  if (options.dry_run) {
    std::cout << (options.json ? preview_json(*plan).dump(2) + "\n" : preview_text(*plan))
              << std::flush;
    return kSuccess;
  }
  std::optional<OutputFile> file;
  if (options.output != "-") {
    check_output_apart(options.output,
                       std::vector<InputFile>{{"the voice", input_path(options.voice)},
                                              {"the text", input_path(options.text_file)}});
    file.emplace(options.output);
  } else {
    refuse_terminal();
  }
  JobInput input;
  input.text = request.text;
  input.parameters = request.parameters;
  input.output = encoding_of(options);
  std::optional<OutputFile> subtitles;
  SubtitleFormat subtitle_format = SubtitleFormat::kSrt;
  if (!options.subtitles.empty()) {
    const std::string suffix = std::filesystem::path(options.subtitles).extension().string();
    subtitle_format = parse_subtitle_format(suffix.empty() ? "no suffix" : suffix.substr(1));
    check_output_apart(options.subtitles,
                       std::vector<InputFile>{{"the voice", input_path(options.voice)},
                                              {"the text", input_path(options.text_file)},
                                              {"the recording", options.output}});
    subtitles.emplace(options.subtitles);
  }
  std::vector<std::string> warnings;
  if (options.quiet || options.json) engine_options.device.notice = {};
  engine_options.blockwise = options.output == "-" || request.parameters.block_sizes.size() > 1 ||
                             request.parameters.sequence_length == kAutoFrames ||
                             request.parameters.continuity != Continuity::kNone;
  engine_options.files = model.files;
  if (file) check_output_apart(options.output, inputs_of(engine_options.files));
  if (options.json && !model.notice.empty()) warnings.push_back(model.notice);
  request.voice = voice_of(options, model, warnings, stop);
  if (!options.json && !model.notice.empty()) {
    std::fprintf(stderr, "echo-tts: %s\n", model.notice.c_str());
  }

  try {
    const std::unique_ptr<Engine> engine = Engine::load(engine_options);
    if (stop.stop_requested()) return interrupt_exit_code();
    auto spoken = speak_out(*engine, std::move(request), input.output, file,
                            options.quiet || options.json, stop);
    if (!spoken) return stop.stop_requested() ? interrupt_exit_code() : kSuccess;  // player closed
    SpeechSummary& result = spoken->speech;
    if (subtitles) subtitles->commit(subtitles_of(result.chunks, subtitle_format));
    result.warnings.insert(result.warnings.begin(), warnings.begin(), warnings.end());
    if (options.json) {
      const Json document = json_of(options, input, *spoken, engine->info(), model.name);
      const std::string text = document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
      (file ? std::cout : std::cerr) << text << std::flush;
      return kSuccess;
    }
    for (const std::string& warning : result.warnings) {
      std::fprintf(stderr, "echo-tts: warning: %s\n", visible_text(warning).c_str());
    }
    if (!options.quiet) {
      std::fprintf(stderr, "%s: %s of speech in %s (real-time factor %.2f, %s, %s)\n",
                   options.output == "-" ? "standard output" : visible_text(options.output).c_str(),
                   duration_text(result.seconds()).c_str(),
                   duration_text(result.timings.total).c_str(),
                   result.timings.total / result.seconds(), engine->info().device.c_str(),
                   engine->info().precision.c_str());
    }
    return kSuccess;
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kCancelled || !stop.stop_requested()) throw;
    std::fprintf(stderr, "echo-tts: interrupted\n");
    return interrupt_exit_code();
  }
}

}  // namespace

void add_say(CommandLine& line) {
  auto options = std::make_shared<SayOptions>();
  Command command = line.add(
      "say", "Speak a text into a file",
      "  echo-tts say \"Hello.\" -o hello.ogg --voice anna.wav\n"
      "  echo-tts say --file story.txt -o story.flac --preset Independent-High-Speaker-CFG\n"
      "  echo hello | echo-tts say - -o - | aplay\n"
      "  echo-tts say --file story.txt -o - --format ogg | mpv -\n",
      [options, &environment = line.environment()] { return say(*options, environment); });
  command.option("text", options->text, "Text to speak; - or nothing reads standard input");
  command.option("-f,--file", options->text_file,
                 "Read the text from a file (- for standard input)");
  command.option("-v,--voice", options->voice,
                 "Recording of the voice to imitate: wav mp3 m4a ogg flac webm aac opus; or the "
                 "name of one of the model's sample voices: rms, slt, awb of the small one");
  command
      .option(
          "-o,--output", options->output,
          "File to write, in the format that its suffix names; - writes wav to standard output, "
          "while it is spoken")
      .show_default();
  command.option("--format", options->format,
                 "Write ogg, wav, flac, mp3, aac or pcm, whatever the suffix");
  command.option("--sample_rate", options->sample_rate, "Sample rate of the file, in Hz");
  command.option("--bitrate", options->bitrate, "Bit rate of ogg, mp3 and aac, in bits per second");
  options->engine.add_to(command, line.environment());
  command
      .option(
          "--max_text_chars", options->max_text_chars,
          "Refuse a text of more characters (or MAX_TEXT_CHARS; " + std::to_string(kLongestText) + ")")
      .between(1, kMaxCharsEver);
  command.option("--subtitles", options->subtitles, "Write subtitles, too: a file .srt or .vtt");
  command.flag("--dry-run", options->dry_run,
               "Speak nothing: show what would be spoken, in which chunks, with which changes");
  command.flag("--json", options->json,
               "Print the result as JSON (on standard error with -o -) and nothing else");
  command.flag("-q,--quiet", options->quiet, "Show no progress and no summary");

  std::string presets;
  for (const SamplerPreset& preset : sampler_presets()) {
    presets += (presets.empty() ? "" : ", ") + std::string(preset.name);
  }
  command.option("--preset", options->preset, "Sampler settings by name: " + presets)
      .in_group("Parameters");
  for (const ParameterInfo& info : parameter_table()) {
    const std::string name(info.name);
    command
        .option_to(
            "--" + name,
            [options, name](const std::string& value) { options->parameters[name] = value; },
            std::string(info.help) + " (" + expected_value(info) + "; default " +
                default_value(info) + ")")
        .in_group("Parameters");
  }
}

}  // namespace echo::apps
