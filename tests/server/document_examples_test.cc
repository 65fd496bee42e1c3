// The examples of the documents and of the API's description: what they send is taken as it stands
// there. Answers are compared in tests/apps/document_answers_test.cc.
#include <gmock/gmock.h>

#include <filesystem>
#include <sstream>

#include "base/file_io.h"
#include "server/job_body.h"
#include "server/openai_job.h"
#include "server/openai_lists.h"
#include "server/openai_speech.h"
#include "server/openapi.h"
#include "server/speech_order.h"
#include "speech/input_schema.h"
#include "speech/job_input.h"
#include "speech/service_fixture.h"
#include "speech/streamed_job.h"
#include "support/paths.h"

namespace echo::server {
namespace {

using ::testing::IsEmpty;

struct DocumentExample {
  std::string where;  // file and line
  std::string path;   // of the route that it is sent to; empty: none is named
  std::string json;
};

std::vector<std::string> documents() {
  std::vector<std::string> files = {source_path("/README.md")};
  for (const auto& entry : std::filesystem::directory_iterator(source_path("/docs"))) {
    if (entry.path().extension() == ".md") files.push_back(entry.path());
  }
  return files;
}

// The route of a command line: "curl -s localhost:8000/runsync -d ...".
std::string path_of(const std::string& line) {
  for (const std::string host : {"localhost:8000", "$ECHO_URL"}) {
    const size_t at = line.find(host + "/");
    if (at == std::string::npos) continue;
    const size_t begin = at + host.size();
    return line.substr(begin, line.find_first_of("?\" ", begin) - begin);
  }
  return "";
}

// What command lines send or speak, and jobs within a sentence.
std::vector<DocumentExample> examples_of(const std::string& file) {
  std::istringstream text(read_file(file));
  const std::string name = std::filesystem::path(file).filename();
  std::vector<DocumentExample> found;
  std::string line;
  for (int number = 1; std::getline(text, line); ++number) {
    const std::string where = name + ":" + std::to_string(number);
    for (const std::string option : {" -d '", " --test_input '", "`{\"input\": {"}) {
      const size_t at = line.find(option);
      if (at == std::string::npos) continue;
      const bool in_sentence = option.starts_with('`');
      const size_t begin = at + (in_sentence ? 1 : option.size());
      const size_t end = line.find(in_sentence ? '`' : '\'', begin);
      found.push_back({where, path_of(line), line.substr(begin, end - begin)});
    }
  }
  return found;
}

Json described() {
  ApiDescription description;
  description.input_schema = speech_input_schema();
  description.endpoint_id = "ep1";
  return openapi_document(description);
}

// Every name is described in that schema.
void expect_described(const Json& object, const Json& schema) {
  for (const auto& [name, value] : object.items()) {
    ASSERT_TRUE(schema.at("properties").contains(name)) << name;
    if (value.is_object() && schema["properties"][name].contains("properties")) {
      expect_described(value, schema["properties"][name]);
    }
  }
}

// The parser of the route takes it, and nothing in it is unknown or not described.
void expect_taken(const std::string& path, const std::string& body) {
  if (path.ends_with("/audio/speech") || path.ends_with("/audio/preview")) {
    const SpeechOrder order = parse_speech_order(body, {});
    expect_described(Json::parse(body), described()["components"]["schemas"]["SpeechOrder"]);
    EXPECT_THAT(order.ignored, IsEmpty());
    EXPECT_THAT(order.warnings, IsEmpty());
    return;
  }
  const CheckedBody job = path.ends_with("/realtime") ? realtime_body(body)
                          : path.starts_with("/v2/")  ? hosted_body(body)
                                                      : development_body(body);
  ASSERT_FALSE(job.refusal) << job.refusal->body;
  Json document = job.document;
  document["id"] = "job-1";  // as the server does
  Json& input = document["input"];
  expect_described(input, speech_input_schema());
  if (is_openai_job(Job(document))) {
    return expect_taken(input.at("openai_route"), input.at("openai_input").dump());
  }
  if (asks_for_pieces(Job(document))) input.erase("stream");
  EXPECT_THAT(parse_job_input(input).warnings, IsEmpty());
}

class DocumentExamples : public ServiceFixture {};

TEST_F(DocumentExamples, RequestsAreTakenAsTheyStand) {
  size_t requests = 0;
  for (const std::string& file : documents()) {
    for (const DocumentExample& example : examples_of(file)) {
      SCOPED_TRACE(example.where + ": " + example.json);
      const Json json = Json::parse(example.json, nullptr, /*allow_exceptions=*/false);
      ASSERT_FALSE(json.is_discarded());
      ASSERT_NO_THROW(expect_taken(example.path, example.json));
      ++requests;
    }
  }
  EXPECT_GE(requests, 12U) << "the documents are read";
}

TEST_F(DocumentExamples, TheDescriptionsAreTakenToo) {
  const Json api = described();
  size_t taken = 0;
  for (const auto& [path, operations] : api.at("paths").items()) {
    for (const auto& [method, operation] : operations.items()) {
      SCOPED_TRACE(method + " " + path);
      const Json content =
          operation.value(Json::json_pointer("/requestBody/content/application~1json"), Json());
      if (content.is_null()) continue;
      ASSERT_TRUE(content.contains("example"));
      ASSERT_NO_THROW(expect_taken(path, content["example"].dump()));
      ++taken;
    }
  }
  EXPECT_GE(taken, 5U);
}

// A value is of the schema's type and has what it requires and nothing that it does not describe.
void expect_as_described(const Json& value, const Json& schema, const std::string& where) {
  const std::string type = schema.at("type");
  const bool fits = type == "object"    ? value.is_object()
                    : type == "array"   ? value.is_array()
                    : type == "string"  ? value.is_string()
                    : type == "boolean" ? value.is_boolean()
                    : type == "integer" ? value.is_number_integer()
                                        : value.is_number();
  ASSERT_TRUE(fits) << where << ": " << value.dump() << " is no " << type;
  if (value.is_array()) {
    for (const Json& item : value) expect_as_described(item, schema.at("items"), where + "[]");
  }
  if (!value.is_object()) return;
  for (const Json& name : schema.at("required")) EXPECT_TRUE(value.contains(name)) << name;
  for (const auto& [name, member] : value.items()) {
    ASSERT_TRUE(schema.at("properties").contains(name)) << where << "." << name;
    expect_as_described(member, schema["properties"][name], where + "." + name);
  }
}

TEST_F(DocumentExamples, AnswersToOpenAisClientsAreAsDescribed) {
  const Json api = described();
  const auto schema = [&](const std::string& path, const std::string& method) {
    return api.at("paths").at(path).at(method).at(
        Json::json_pointer("/responses/200/content/application~1json/schema"));
  };
  const SpeechOrderOptions options;
  const std::string name = listed_models(options).front();
  expect_as_described(models_json(options), schema("/v1/models", "get"), "models");
  expect_as_described(audio_models_json(options), schema("/v1/audio/models", "get"), "models");
  expect_as_described(model_json(name, options), schema("/v1/models/{model}", "get"), "model");
  const CatalogVoice anna{.id = "anna", .file = "anna.wav", .bytes = 5, .created_at = 7};
  for (const std::vector<CatalogVoice>& voices : {std::vector{anna}, {}}) {
    expect_as_described(voices_json(voices), schema("/v1/audio/voices", "get"), "voices");
  }
  const Json voice = schema("/v1/audio/voices/{voice}", "get").at("oneOf");
  expect_as_described(voice_json(anna), voice.at(0), "voice");
  expect_as_described(voices_json({anna}), voice.at(1), "voices");
  expect_as_described(voice_json(anna), schema("/v1/audio/voices", "post"), "voice");
  const Json preview = preview_of(parse_speech_order(
      R"({"input": "It costs $5 at 10:30.", "odd": 1})", {}, parameters_of(Profile::kNatural)));
  for (const char* list : {"chunks", "changes", "ignored"}) {
    EXPECT_FALSE(preview.at(list).empty()) << list;
  }
  expect_as_described(preview, schema("/v1/audio/preview", "post"), "preview");
}

}  // namespace
}  // namespace echo::server
