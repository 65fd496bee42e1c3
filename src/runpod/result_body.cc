#include "runpod/result_body.h"

#include <filesystem>
#include <utility>

#include "job/call_handler.h"

namespace echo::runpod {
namespace {

constexpr size_t kMaxExceptionMessage = 1000;  // bytes

// The members of a document in the order given, which nlohmann's objects would sort.
class BodyWriter {
 public:
  void add(std::string_view key, const std::string& json) {
    text_ += text_.empty() ? "{" : ", ";
    text_.append("\"").append(key).append("\": ").append(json);
  }
  std::string finish() && { return text_.empty() ? "{}" : std::move(text_) + "}"; }

 private:
  std::string text_;
};

}  // namespace

std::string result_body(const JobOutcome& outcome) {
  BodyWriter body;
  if (const JobFailure* failure = outcome.failed()) {
    if (!failure->detail.is_null()) body.add("output", dump_json(failure->detail));
    body.add("error", dump_json(failure->message()));
  } else if (outcome.result()->output) {
    body.add("output", dump_json(*outcome.result()->output));
  }
  if (outcome.stop_pod) body.add("stopPod", "true");
  return std::move(body).finish();
}

std::string error_body(std::string_view error, bool stop_pod) {
  BodyWriter body;
  body.add("error",
           dump_json(error.empty() ? "internal: the job failed without a message" : error));
  if (stop_pod) body.add("stopPod", "true");
  return std::move(body).finish();
}

std::string stream_body(const Json& piece) { return "{\"output\": " + dump_json(piece) + "}"; }

std::string progress_body(const Json& update) {
  return "{\"status\": \"IN_PROGRESS\", \"output\": " + dump_json(update) + "}";
}

std::string exception_message(const std::exception& error) {
  std::string message = error.what();
  if (const auto* system = dynamic_cast<const std::filesystem::filesystem_error*>(&error)) {
    message = "file system: " + system->code().message();
  }
  if (message.size() > kMaxExceptionMessage) {
    message.resize(kMaxExceptionMessage);
    message += "...";
  }
  return message;
}

std::string exception_report(const std::exception& error, const WorkerIdentity& identity) {
  const std::string type = exception_type(error);
  const auto text = [](const std::string& value) {
    return Json(value).dump(-1, ' ', /*ensure_ascii=*/true, Json::error_handler_t::replace);
  };
  BodyWriter report;
  report.add("error_type", text(type));
  report.add("error_message", text(exception_message(error)));
  report.add("error_traceback",
             text("Traceback (most recent call last):\n  native code, handler of the job\n"));
  report.add("hostname", text(identity.hostname));
  report.add("worker_id", text(identity.worker_id));
  report.add("runpod_version", text(identity.version));
  return std::move(report).finish();
}

}  // namespace echo::runpod
