// Jobs whose audio comes as pieces of their output while it is made: {"input": {"stream": true}}.
#pragma once

#include "job/handler.h"
#include "speech/live_speech.h"
#include "speech/speech_metadata.h"
#include "speech/speech_pieces.h"

namespace echo {

struct StreamedJobOptions {
  JobLimits limits;
  size_t piece_bytes = SpeechPieceOptions().piece_bytes;
  SpeechSource source;
};

// Whether the job asks for pieces. What is no truth value counts as asking: it will be refused.
bool asks_for_pieces(const Job& job);

// Does such a job: pieces through the context, then the output {"status", "metadata"}, or the list
// of all pieces for jobs with "aggregate": true. Never throws.
JobOutcome run_streamed_job(LiveSpeech& speech, const Job& job, JobContext& context,
                            const StreamedJobOptions& options);

}  // namespace echo
