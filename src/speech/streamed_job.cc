#include "speech/streamed_job.h"

#include <utility>

#include "base/error.h"
#include "speech/job_failure.h"

namespace echo {
namespace {

// The fields that only a streamed job has, taken out of its input.
struct PieceFields {
  bool aggregate = false;
  std::string field = "audio";
};

bool flag(Json& input, const char* name) {
  const auto found = input.find(name);
  if (found == input.end() || found->is_null()) return false;
  if (!found->is_boolean()) {
    throw_invalid(std::string(name) + ": found " + found->type_name() + ", expected true or false");
  }
  const bool value = found->get<bool>();
  input.erase(found);
  return value;
}

PieceFields take_fields(Json& input) {
  PieceFields fields;
  flag(input, "stream");
  fields.aggregate = flag(input, "aggregate");
  const auto name = input.find("stream_field");
  if (name == input.end()) return fields;
  if (!name->is_null()) {
    if (!name->is_string() || name->get_ref<const std::string&>().empty() ||
        name->get_ref<const std::string&>().size() > 64) {
      throw_invalid("stream_field: expected a name of 1 to 64 bytes");
    }
    fields.field = name->get<std::string>();
  }
  input.erase(name);
  return fields;
}

}  // namespace

bool asks_for_pieces(const Job& job) {
  if (!job.input().is_object()) return false;
  const auto stream = job.input().find("stream");
  return stream != job.input().end() && !stream->is_null() && *stream != false;
}

JobOutcome run_streamed_job(LiveSpeech& speech, const Job& job, JobContext& context,
                            const StreamedJobOptions& options) {
  try {
    Json fields = job.input();
    const PieceFields wanted = take_fields(fields);
    const JobInput input = parse_job_input(fields, options.limits);
    Json all = Json::array();
    SpeechPieceOptions shape;
    shape.encoding = input.output;
    shape.field = wanted.field;
    shape.piece_bytes = options.piece_bytes;
    SpeechPieces pieces(shape, [&](const Json& piece) {
      context.stream(piece);
      if (wanted.aggregate) all.push_back(piece);
    });
    SpokenAudioOptions audio;
    audio.encoding = input.output;
    double seconds = 0;
    audio.pushed = [&](double so_far) { seconds = so_far; };
    LiveListener listener;
    listener.sink = [&](std::string_view bytes) {
      pieces.add(bytes, seconds);
      return true;
    };
    listener.step = [&] { context.sign_of_life(); };
    listener.stop = context.stop_token();
    listener.deadline = context.deadline();
    listener.queue_seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - job.received).count();
    listener.scope = {job.id(), job.batch_id()};
    JobReport report;
    const SpeechSummary spoken = speech.speak(input, audio, "stream", listener, &report);
    const Json metadata = speech_metadata(input, spoken, report, options.source);
    pieces.finish(metadata);
    if (wanted.aggregate) return JobOutcome::success(std::move(all));
    Json result = {{"status", "completed"}, {"metadata", metadata}};
    if (input.subtitles) {
      result["subtitles"] = subtitles_of(spoken.chunks, *input.subtitles);
    }
    return JobOutcome::success(std::move(result));
  } catch (...) {
    return failure_of(std::current_exception(), {});
  }
}

}  // namespace echo
