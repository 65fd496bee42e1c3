#include "runpod/local_run.h"

#include <fstream>
#include <sstream>
#include <stop_token>

#include "base/error.h"
#include "job/call_handler.h"
#include "runpod/result_body.h"

namespace echo::runpod {
namespace {

constexpr const char* kInputFile = "test_input.json";

// Collects the pieces of a stream; progress goes to the log.
class LocalContext final : public JobContext {
 public:
  LocalContext(Logger& logger, LogScope scope) : logger_(logger), scope_(std::move(scope)) {}

  void progress(const Json& update) override {
    logger_.info("Progress: " + dump_json(update), scope_);
  }
  void stream(const Json& piece) override { pieces_.push_back(piece); }
  std::stop_token stop_token() const override { return {}; }
  void sign_of_life() override {}
  std::chrono::steady_clock::time_point deadline() const override {
    return std::chrono::steady_clock::time_point::max();
  }

  const Json& pieces() const { return pieces_; }

 private:
  Logger& logger_;
  LogScope scope_;
  Json pieces_ = Json::array();
};

// The job's document, or null after a log line that says why there is none.
Json read_document(const CommandLine& command_line, const std::string& directory, Logger& logger) {
  if (command_line.test_input) {
    logger.info("test_input set, using test_input as job input.");
    return *command_line.test_input;
  }
  std::ifstream file(directory + "/" + kInputFile, std::ios::binary);
  if (!file) {
    logger.warn("test_input.json not found, exiting.");
    return nullptr;
  }
  logger.info("Using test_input.json as job input.");
  std::ostringstream text;
  text << file.rdbuf();
  try {
    Json document = parse_json(text.str());
    if (!document.is_null()) return document;
    logger.error("Job has no input parameter. Unable to run.");
  } catch (const Error& error) {
    logger.error(std::string("test_input.json: ") + error.what());
  }
  return nullptr;
}

}  // namespace

int run_local_job(const CommandLine& command_line, const Handler& handler,
                  const std::string& directory, Logger& logger) {
  Json document = read_document(command_line, directory, logger);
  if (document.is_null()) return 1;
  if (!document.is_object() || !document.contains("input") || document["input"].is_null()) {
    logger.error("Job has no input parameter. Unable to run.");
    return 1;
  }
  const auto id = document.find("id");
  if (id == document.end() || !truthy(*id)) document["id"] = "local_test";
  std::optional<Job> job;
  try {
    job.emplace(std::move(document));
  } catch (const Error& error) {
    logger.error(error.what());
    return 1;
  }

  const LogScope scope{job->id(), job->batch_id()};
  logger.info("Started.", scope);
  LocalContext context(logger, scope);
  const auto report = [](const std::exception& error) {
    return exception_report(error, WorkerIdentity{});
  };
  JobOutcome outcome = call_handler(handler, *job, context, logger, report);
  if (const JobFailure* failure = outcome.failed()) {
    logger.error("Job " + job->id() + " failed with error: " + failure->message());
    return 1;
  }
  std::optional<Json>& output = outcome.result()->output;
  if (!context.pieces().empty() && (!output || output->is_null())) output = context.pieces();
  logger.info("Job " + job->id() + " completed successfully.");
  logger.info("Job result: " + result_body(outcome));
  if (command_line.test_output) {
    const Json actual = parse_json(result_body(outcome));
    if (actual != *command_line.test_output) {
      logger.error("Job output does not match test_output.");
      return 1;
    }
  }
  logger.info("Local testing complete, exiting.");
  return 0;
}

}  // namespace echo::runpod
