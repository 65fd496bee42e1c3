#include "server/openapi.h"

#include "server/openapi_operation.h"

namespace echo::server {
namespace {

Json schemas(const ApiDescription& description) {
  const Json text = {{"type", "string"}};
  const Json count = {{"type", "integer"}, {"minimum", 0}};
  const Json input =
      description.input_schema.is_null() ? Json{{"type", "object"}} : description.input_schema;
  const Json rate = {{"enum", {8000, 16000, 24000, 44100, 48000}}};
  const Json bitrate = {{"type", {"integer", "string"}}, {"description", "128000, or \"128k\"."}};
  const Json ignored = {{"type", "string"}, {"description", "Means nothing here."}};
  const Json status = {
      {"type", "string"},
      {"enum", {"IN_QUEUE", "IN_PROGRESS", "COMPLETED", "FAILED", "CANCELLED", "TIMED_OUT"}}};
  return {{"Input", input},
          {"Job",
           {{"type", "object"},
            {"required", {"input"}},
            {"properties",
             {{"input", reference("Input")},
              {"webhook",
               {{"type", {"string", "null"}},
                {"format", "uri"},
                {"description", "Gets a POST when the job is over."}}},
              {"policy",
               {{"type", "object"},
                {"properties",
                 {{"executionTimeout",
                   {{"type", "integer"},
                    {"minimum", 5000},
                    {"maximum", 604800000},
                    {"default", 600000},
                    {"description", "Longest run, in milliseconds."}}},
                  {"ttl",
                   {{"type", "integer"},
                    {"minimum", 10000},
                    {"maximum", 604800000},
                    {"default", 86400000},
                    {"description",
                     "Time from submission until the job is forgotten, in "
                     "milliseconds."}}}}}}},
              {"s3Config",
               {{"type", "object"}, {"description", "Where to store the result instead."}}}}}}},
          {"Status", status},
          {"JobStatus",
           {{"type", "object"},
            {"required", {"id", "status"}},
            {"properties",
             {{"id", text},
              {"status", reference("Status")},
              {"delayTime", {{"type", "integer"}, {"description", "Milliseconds in the queue."}}},
              {"executionTime", {{"type", "integer"}, {"description", "Milliseconds of work."}}},
              {"output", {{"description", "The result; while the job runs, its progress."}}},
              {"error", text},
              {"retries", count},
              {"workerId", text}}}}},
          {"Stream",
           {{"type", "object"},
            {"required", {"status", "stream"}},
            {"properties",
             {{"status", reference("Status")},
              {"stream",
               {{"type", "array"},
                {"items", {{"type", "object"}, {"properties", {{"output", Json::object()}}}}}}}}}}},
          {"Purged", {{"type", "object"}, {"properties", {{"removed", count}, {"status", text}}}}},
          {"Health",
           {{"type", "object"},
            {"properties",
             {{"jobs",
               {{"type", "object"},
                {"properties",
                 {{"completed", count},
                  {"failed", count},
                  {"inProgress", count},
                  {"inQueue", count},
                  {"retried", count}}}}},
              {"workers",
               {{"type", "object"},
                {"properties",
                 {{"idle", count},
                  {"initializing", count},
                  {"ready", count},
                  {"running", count},
                  {"throttled", count},
                  {"unhealthy", count}}}}}}}}},
          {"Error",
           {{"type", "object"},
            {"required", {"error"}},
            {"properties",
             {{"error",
               {{"type", "string"}, {"description", "A stable kind, a colon, and a text."}}}}}}},
          {"OpenAiError",
           {{"type", "object"},
            {"required", {"error"}},
            {"properties",
             {{"error",
               {{"type", "object"},
                {"required", {"message", "type", "param", "code"}},
                {"properties",
                 {{"message", text},
                  {"type", text},
                  {"param", {{"type", {"string", "null"}}}},
                  {"code", {{"type", {"string", "null"}}}}}}}}}}}},
          {"SpeechOrder",
           {{"type", "object"},
            {"required", {"input"}},
            {"description", "The parameters of a job may stand beside these."},
            {"properties",
             {{"input", text},
              {"model", text},
              {"voice", text},
              {"response_format",
               {{"type", "string"}, {"enum", {"mp3", "opus", "aac", "flac", "wav", "pcm"}}}},
              {"speed", {{"type", "number"}, {"minimum", 0.25}, {"maximum", 4}}},
              {"stream_format", {{"type", "string"}, {"enum", {"audio", "sse"}}}},
              {"stream", {{"type", "boolean"}}},
              {"sample_rate", rate},
              {"bitrate", bitrate},
              {"instructions", ignored},
              {"seed", {{"type", "integer"}}}}}}},
          {"Validation",
           {{"type", "object"},
            {"properties",
             {{"detail",
               {{"type", "array"},
                {"items",
                 {{"type", "object"},
                  {"properties",
                   {{"type", text},
                    {"loc", {{"type", "array"}}},
                    {"msg", text},
                    {"input", Json::object()}}}}}}}}}}}};
}

Json job_example() { return {{"input", {{"text", "Hello there."}}}}; }

void add_development_paths(const ApiDescription& description, Json& paths) {
  const std::string tag = "development server";
  const auto id = path_parameter("id", "The job's id.");
  paths["/run"]["post"] = Operation(tag, "Queues a job and answers at once.")
                              .id("run")
                              .body(reference("Job"), job_example())
                              .answer(200, "Taken.", reference("JobStatus"))
                              .answer(413, "More than 10 MB.", reference("Error"))
                              .answer(422, "Not a job.", reference("Validation"))
                              .answer(429, "The queue is full.", reference("Error"))
                              .json();
  paths["/runsync"]["post"] = Operation(tag, "Runs a job and answers when it is over.")
                                  .id("runSync")
                                  .body(reference("Job"), job_example())
                                  .parameter(wait_parameter())
                                  .answer(200, "The job.", reference("JobStatus"))
                                  .answer(413, "More than 20 MB.", reference("Error"))
                                  .answer(422, "Not a job.", reference("Validation"))
                                  .answer(429, "The queue is full.", reference("Error"))
                                  .json();
  paths["/status/{id}"]["post"] =
      Operation(tag, "Waits until the job is over.")
          .id("waitForJob")
          .parameter(id)
          .answer(200, "The job; FAILED with \"Job ID not found\" if there is none.",
                  reference("JobStatus"))
          .json();
  paths["/stream/{id}"]["post"] =
      Operation(tag, "Waits until the job is over and gives the pieces of its output.")
          .id("waitForStream")
          .parameter(id)
          .answer(200, "The pieces.", reference("Stream"))
          .json();
  if (description.endpoint_id.empty()) return;
  paths["/" + description.endpoint_id + "/realtime"]["post"] =
      Operation(tag, "Runs a job and answers with its bare result.")
          .id("realtime")
          .body({{"type", "object"},
                 {"required", {"id", "input"}},
                 {"properties", {{"id", {{"type", "string"}}}, {"input", Json::object()}}}},
                {{"id", "a"}, {"input", {{"text", "Hello there."}}}})
          .answer(200, "The result.",
                  {{"type", "object"},
                   {"properties", {{"output", Json::object()}, {"error", {{"type", "string"}}}}}})
          .answer(422, "Not a job.", reference("Validation"))
          .json();
}

// At the root and under /v2/{endpoint}.
void add_hosted_paths(const std::string& base, Json& paths) {
  const bool hosted = !base.empty();
  const std::string tag = hosted ? "hosted API" : "hosted API at the root";
  const auto id = path_parameter("id", "The job's id.");
  const auto add = [&](const std::string& path, const std::string& method, const std::string& name,
                       Operation operation) {
    if (hosted) operation.parameter(path_parameter("endpoint", "Any name."));
    if (path.find("{id}") != std::string::npos) {
      operation.parameter(id).answer(404, "No such job.", reference("Error"));
    }
    operation.id((hosted ? "hosted" : "root") + name);
    paths[base + path][method] = operation.json();
  };
  if (hosted) {
    add("/run", "post", "Run",
        Operation(tag, "Queues a job.")
            .body(reference("Job"), job_example())
            .answer(200, "Taken.", reference("JobStatus"))
            .answer(400, "Not a job.", reference("Error"))
            .answer(429, "The queue is full.", reference("Error")));
    add("/runsync", "post", "RunSync",
        Operation(tag, "Runs a job; answers when it is over or the wait is.")
            .body(reference("Job"), job_example())
            .parameter(wait_parameter())
            .answer(200, "The job.", reference("JobStatus"))
            .answer(400, "Not a job.", reference("Error"))
            .answer(429, "The queue is full.", reference("Error")));
    add("/health", "get", "Health",
        Operation(tag, "Numbers of jobs and workers.")
            .open()
            .answer(200, "The numbers.", reference("Health")));
  }
  add("/status/{id}", "get", "Status",
      Operation(tag, "The job as it is.")
          .parameter({{"name", "ttl"},
                      {"in", "query"},
                      {"description", "Forget the finished job after so many milliseconds."},
                      {"schema", {{"type", "integer"}, {"minimum", 0}}}})
          .answer(200, "The job.", reference("JobStatus")));
  for (const std::string method : {"get", "post"}) {
    add("/status-sync/{id}", method, "StatusSync" + method,
        Operation(tag, "The job when it is over, or as it is when the wait is.")
            .parameter(wait_parameter())
            .answer(200, "The job.", reference("JobStatus")));
  }
  add("/stream/{id}", "get", "Stream",
      Operation(tag, "The pieces since the last call; waits for the next.")
          .parameter(wait_parameter())
          .answer(200, "The pieces.", reference("Stream")));
  if (hosted) {
    add("/status/{id}", "post", "StatusPost",
        Operation(tag, "As GET.").answer(200, "The job.", reference("JobStatus")));
    add("/stream/{id}", "post", "StreamPost",
        Operation(tag, "As GET.")
            .parameter(wait_parameter())
            .answer(200, "The pieces.", reference("Stream")));
  }
  add("/cancel/{id}", "post", "Cancel",
      Operation(tag, "Ends a job that waits or runs.")
          .answer(200, "The job.", reference("JobStatus")));
  add("/retry/{id}", "post", "Retry",
      Operation(tag, "Runs a failed job once more.")
          .answer(200, "Queued.", reference("JobStatus"))
          .answer(400, "The job is not FAILED or TIMED_OUT.", reference("Error")));
  add("/purge-queue", "post", "PurgeQueue",
      Operation(tag, "Cancels the jobs that wait.").answer(200, "How many.", reference("Purged")));
}

void add_service_paths(const ApiDescription& description, Json& paths) {
  const std::string tag = "service";
  const auto get = [&](const std::string& path, const Operation& operation) {
    paths[path]["get"] = operation.json();
  };
  get("/health", Operation(tag, "200 as long as the process answers.")
                     .id("health")
                     .open()
                     .answer(200, "Status and numbers.", reference("Health")));
  get("/ready", Operation(tag, "Whether jobs are done now.")
                    .id("ready")
                    .open()
                    .answer(200, "Ready.", {{"type", "object"}})
                    .answer(503, "Not ready; says why.", {{"type", "object"}}));
  get("/ping", Operation(tag, "For load balancers.")
                   .id("ping")
                   .open()
                   .plain(200, "Ready.")
                   .plain(204, "Loading.")
                   .plain(500, "Broken."));
  get("/metrics", Operation(tag, "Numbers for Prometheus.")
                      .id("metrics")
                      .plain(200, "Text format 0.0.4.", "text/plain"));
  get("/openapi.json", Operation(tag, "This document.")
                           .id("openapi")
                           .open()
                           .answer(200, "OpenAPI 3.1.", {{"type", "object"}}));
  get("/docs", Operation(tag, "This document as a page.")
                   .id("docs")
                   .open()
                   .plain(200, "HTML.", "text/html"));
  if (description.studio) {
    get("/studio", Operation(tag, "The page on which people try the server.")
                       .id("studio")
                       .open()
                       .plain(200, "HTML.", "text/html"));
    get("/studio/settings", Operation(tag, "Limits and defaults, for that page.")
                                .id("studioSettings")
                                .open()
                                .answer(200, "The settings.", {{"type", "object"}}));
  }
  if (!description.files) return;
  get("/files/{key}", Operation(tag, "A result under its signed link; one range per request.")
                          .id("file")
                          .open()
                          .parameter(path_parameter("key", "The object's key."))
                          .plain(200, "The file.", "audio/ogg")
                          .plain(206, "A part of it.", "audio/ogg")
                          .answer(403, "Wrong signature, or expired.", reference("Error"))
                          .answer(404, "The file is gone.", reference("Error"))
                          .answer(416, "No such range.", reference("Error")));
}

}  // namespace

Json openapi_document(const ApiDescription& description) {
  Json paths = Json::object();
  add_development_paths(description, paths);
  add_hosted_paths("", paths);
  add_hosted_paths("/v2/{endpoint}", paths);
  add_service_paths(description, paths);
  add_openai_paths("/v1", "openAi", paths);
  add_openai_paths("/openai/v1", "openAiPrefixed", paths);
  add_openai_paths("/v2/{endpoint}/openai/v1", "openAiHosted", paths);
  Json document = {{"openapi", "3.1.0"},
                   {"info",
                    {{"title", "Echo-TTS API"},
                     {"version", description.version},
                     {"description",
                      "Jobs in the shapes of RunPod: its development server at the "
                      "root, its hosted API under /v2/{endpoint}."}}},
                   {"paths", std::move(paths)},
                   {"components", {{"schemas", schemas(description)}}}};
  if (description.keys) {
    document["components"]["securitySchemes"] = {{"key", {{"type", "http"}, {"scheme", "bearer"}}}};
    document["security"] = Json::array({{{"key", Json::array()}}});
  }
  return document;
}

}  // namespace echo::server
