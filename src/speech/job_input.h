// What a client may ask for in a job's input, from JSON to checked values.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "audio/format.h"
#include "base/json.h"
#include "engine/speech_parameters.h"
#include "speech/subtitles.h"

namespace echo {

enum class JobAction { kSpeak, kHealthCheck };

// Everything in it has been checked; of a health check only the action is set.
struct JobInput {
  JobAction action = JobAction::kSpeak;
  std::string text;
  std::shared_ptr<const PlannedText> plan;  // of the text, by text_options_of(parameters)
  std::optional<std::string> voice;         // below the voices directory; not looked up yet
  SpeechParameters parameters;
  EncodeOptions output;                     // complete, no zeros left
  std::string session_id;                   // a UUID where the client gave none
  std::optional<SubtitleFormat> subtitles;  // that the result is to have
  std::vector<std::string> warnings;

  // "<session_id>.ogg"
  std::string file_name() const;
};

struct JobLimits {
  size_t max_text_chars = 4096;  // code points
  SpeechParameters defaults;     // of what a job does not ask for
};

// Reads {"text", "speaker_voice", "parameters", "session_id", "seed", "subtitles"} or {"action"}.
// null is as good as absent, numbers may come as numeric strings, a preset acts before the other
// parameters wherever it stands, and a seed in the parameters wins over one beside them. Names that
// mean nothing become warnings. Throws kInvalidArgument, naming the field, the value (cut short;
// never the text) and what is expected.
JobInput parse_job_input(const Json& input, const JobLimits& limits = {});

// The part of parse_job_input() for one object of parameters; other programs' requests carry the
// same names. Sets `parameters` and `output` and adds to `warnings`. An `output` that was set
// before keeps what the object does not name; the caller validates it.
void parse_parameters(const Json& object, SpeechParameters& parameters, EncodeOptions& output,
                      std::vector<std::string>& warnings);

// Whether parse_parameters() knows the name.
bool is_job_parameter(std::string_view name);

// Plans a text that is to be spoken; nothing when it has no words, as plan_words(). Throws
// kInvalidArgument unless it is UTF-8, of at most max_text_chars, and in chunks that the model can
// read.
std::shared_ptr<const PlannedText> plan_job_text(std::string_view text,
                                                 const SpeechParameters& parameters,
                                                 const JobLimits& limits = {});

// Whether it is 1 to 128 of A-Z a-z 0-9 . _ - and does not begin with a dot.
bool is_session_id(std::string_view id);

}  // namespace echo
