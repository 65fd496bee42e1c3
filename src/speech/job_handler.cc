#include "speech/job_handler.h"

namespace echo {

Handler make_speech_handler(SpeechService& service) {
  return [&service](const Job& job, JobContext& context) {
    SpeechContext speech;
    speech.progress = [&](const Json& update) { context.progress(update); };
    speech.step = [&] { context.sign_of_life(); };
    speech.stop = context.stop_token();
    speech.deadline = context.deadline();
    speech.queue_seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - job.received).count();
    speech.scope = {job.id(), job.batch_id()};
    return service.run(job.document(), speech);
  };
}

Handler make_speech_handler(SpeechService& service, LiveSpeech& live,
                            const StreamedJobOptions& options) {
  return
      [whole = make_speech_handler(service), &live, options](const Job& job, JobContext& context) {
        if (asks_for_pieces(job)) return run_streamed_job(live, job, context, options);
        return whole(job, context);
      };
}

}  // namespace echo
