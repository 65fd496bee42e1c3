// The answers that the documents show, compared with those of the program with the small voice: the
// same requests, field by field, in both directions.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <sstream>
#include <thread>

#include "base/file_io.h"
#include "net/curl_http_client.h"
#include "support/answer_shape.h"
#include "support/child_process.h"
#include "support/paths.h"
#include "support/temp_dir.h"

namespace echo {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

// A request and its answer, or what a name stands for.
struct DocumentPart {
  std::string where;      // file and line
  std::string name = {};  // of a definition; empty: it is an exchange
  std::string method = {}, path = {}, body = {};
  int status = 0;
  std::string answer = {};
};

bool begins_with_word(const std::string& line, size_t* end) {
  *end = line.find(' ');
  return *end != line.npos && *end > 0 && line.compare(*end, 3, " = ") == 0 &&
         std::all_of(line.begin(), line.begin() + static_cast<std::ptrdiff_t>(*end),
                     [](unsigned char c) { return std::islower(c) || c == '_'; });
}

bool is_status(const std::string& line) {
  return line.size() >= 3 && (line.size() == 3 || line[3] == ' ') &&
         std::all_of(line.begin(), line.begin() + 3,
                     [](unsigned char c) { return std::isdigit(c); });
}

// The blocks of a document that are said to be of that kind.
std::vector<DocumentPart> parts_of(const std::string& file, const std::string& kind = "http") {
  std::istringstream text(read_file(source_path(file)));
  std::vector<DocumentPart> parts;
  std::string* continued = nullptr;
  bool in_block = false;
  std::string line;
  for (int number = 1; std::getline(text, line); ++number) {
    if (line.starts_with("```")) {
      in_block = !in_block && line == "```" + kind;
      continued = nullptr;
      continue;
    }
    if (!in_block) continue;
    const std::string where = file.substr(file.rfind('/') + 1) + ":" + std::to_string(number);
    size_t end = 0;
    if (line.starts_with("GET /") || line.starts_with("POST /") || line.starts_with("DELETE /")) {
      DocumentPart part{.where = where};
      const size_t path = line.find('/');
      const size_t body = line.find(' ', path);
      part.method = line.substr(0, path - 1);
      part.path = line.substr(path, body - path);
      if (body != line.npos) part.body = line.substr(body + 1);
      parts.push_back(part);
      continued = &parts.back().body;
    } else if (is_status(line) && !parts.empty() && parts.back().status == 0) {
      parts.back().status = std::stoi(line.substr(0, 3));
      parts.back().answer = line.substr(3);
      continued = &parts.back().answer;
    } else if (begins_with_word(line, &end)) {
      DocumentPart part{
          .where = where, .name = line.substr(0, end), .answer = line.substr(end + 3)};
      parts.push_back(part);
      continued = &parts.back().answer;
    } else {
      if (continued == nullptr) {
        parts.push_back({.where = where});
        continued = &parts.back().answer;
      }
      *continued += "\n" + line;
    }
  }
  return parts;
}

// A stream of events as a list of what they are called and carry; equal ones in a row only once.
std::vector<std::pair<std::string, std::string>> events_of(const std::string& text) {
  std::vector<std::pair<std::string, std::string>> events;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("event: ")) events.emplace_back(line.substr(7), "");
    if (line.starts_with("data: ") && !events.empty()) events.back().second = line.substr(6);
  }
  return events;
}

class DocumentAnswers : public testing::Test {
 protected:
  DocumentAnswers() {
    std::filesystem::create_directories(dir_ / "voices");
    std::filesystem::copy_file(kRecording, dir_ / "voices/anna.wav");  // its content tells its kind
    server_ = std::make_unique<ChildProcess>(
        std::vector<std::string>{program_path(), "worker", "--rp_serve_api", "--rp_api_port", "0",
                                 "--model", "small", "--storage", dir_ / "results"},
        std::vector<std::string>{"HF_HUB_OFFLINE=1", "RUNPOD_ENDPOINT_ID=local",
                                 "ECHO_API_KEYS=" + kKey, "ECHO_VOICE_UPLOADS=1",
                                 "AUDIO_VOICES_DIR=" + (dir_ / "voices").string(),
                                 "OUTPUT_AUDIO_DIR=" + (dir_ / "output").string()});
    constexpr std::string_view kMark = "Listening on ";
    while (const auto line = server_->read_line(4min)) {
      const size_t at = line->find(kMark);
      if (at != line->npos) {
        const size_t begin = at + kMark.size();
        url_ = line->substr(begin, line->find('"', begin) - begin);
      }
      if (line->find("Ready in") != line->npos) break;
    }
  }

  HttpResponse ask(const DocumentPart& part) const {
    HttpRequest request;
    request.method = part.method;
    std::string path = part.path;
    if (const size_t at = path.find("/ID"); at != path.npos) path.replace(at + 1, 2, id_);
    request.url = url_ + path;
    if (part.status != 401) request.headers.push_back({"Authorization", "Bearer " + kKey});
    request.body = part.body;
    if (!part.body.empty() && part.body.front() != '{') {
      request.body = form(part.body);
      request.headers.push_back({"Content-Type", "multipart/form-data; boundary=edge"});
    }
    request.timeouts.total = 4min;
    request.max_body = 64 << 20;
    return http_->perform(request);
  }

  // "name=ben audio_sample=@ben.wav"; every file is the same recording.
  static std::string form(const std::string& words) {
    std::string body;
    std::istringstream in(words);
    for (std::string word; in >> word;) {
      const size_t equals = word.find('=');
      const bool file = word.compare(equals + 1, 1, "@") == 0;
      body += "--edge\r\nContent-Disposition: form-data; name=\"" + word.substr(0, equals) + "\"";
      if (file) body += "; filename=\"" + word.substr(equals + 2) + "\"";
      body += "\r\n\r\n" + (file ? read_file(kRecording) : word.substr(equals + 1)) + "\r\n";
    }
    return body + "--edge--\r\n";
  }

  // Sends the requests in their order.
  void check(const std::vector<DocumentPart>& parts) {
    for (const DocumentPart& part : parts) {
      if (!part.name.empty()) shapes_.define(part.name, AnswerShape::parse(part.answer));
    }
    for (const DocumentPart& part : parts) {
      SCOPED_TRACE(part.where);
      if (!part.name.empty()) continue;
      ASSERT_NE(part.status, 0) << "no answer is shown";
      check(part);
    }
    for (const DocumentPart& part : parts) {
      if (part.name.empty()) continue;
      note_unseen(part.name, shapes_.named(part.name));
    }
  }

  void check(const DocumentPart& part) {
    if (part.answer.find("event: ") != std::string::npos) return check_events(part);
    const AnswerShape shape = AnswerShape::parse(part.answer);
    const bool waits = part.answer.find("IN_PROGRESS") != std::string::npos && part.method == "GET";
    const auto until = std::chrono::steady_clock::now() + 2min;
    HttpResponse answer;
    std::vector<std::string> differences;
    while (true) {
      answer = ask(part);
      differences = differences_of(part, shape, answer);
      if (!waits || differences.empty() || std::chrono::steady_clock::now() > until) break;
      std::this_thread::sleep_for(5ms);  // the job has not got there
    }
    EXPECT_THAT(differences, IsEmpty()) << answer.body.substr(0, 600);
    const Json given = Json::parse(answer.body, nullptr, /*allow_exceptions=*/false);
    if (given.is_object() && given.contains("id")) id_ = given["id"].get<std::string>();
    note_unseen(part.where, shape);
  }

  std::vector<std::string> differences_of(const DocumentPart& part, const AnswerShape& shape,
                                          const HttpResponse& answer) {
    if (answer.status != part.status) {
      return {"the status is " + std::to_string(answer.status) + " " + answer.error_text};
    }
    const Json given = Json::parse(answer.body, nullptr, /*allow_exceptions=*/false);
    if (given.is_discarded()) return {"the answer is no JSON"};
    return shapes_.differences(shape, given);
  }

  void check_events(const DocumentPart& part) {
    const HttpResponse answer = ask(part);
    EXPECT_EQ(answer.status, part.status) << answer.body;
    std::set<std::string> shown, real;
    for (const auto& [name, data] : events_of(part.answer)) {
      shown.insert(name);
      const AnswerShape shape = AnswerShape::parse(data);
      for (const auto& [real_name, real_data] : events_of(answer.body)) {
        real.insert(real_name);
        if (real_name != name) continue;
        EXPECT_THAT(shapes_.differences(shape, Json::parse(real_data)), IsEmpty()) << name;
      }
      note_unseen(part.where, shape);
    }
    EXPECT_EQ(shown, real);
  }

  void note_unseen(const std::string& where, const AnswerShape& shape) {
    for (const std::string& part : shapes_.never_seen(shape)) unseen_.insert(where + ": " + part);
  }

  static inline const std::string kRecording = source_path("/models/echo-small/voices/slt.flac");
  static inline const std::string kKey = "a-key-of-the-test";
  TempDir dir_;
  std::unique_ptr<HttpClient> http_ = make_http_client();
  std::unique_ptr<ChildProcess> server_;
  std::string url_;
  std::string id_;  // in the last answer that had one
  AnswerShapes shapes_;
  std::set<std::string> unseen_;  // what is shown and no answer had
};

TEST_F(DocumentAnswers, AreThoseOfTheProgram) {
  ASSERT_FALSE(url_.empty());
  const std::vector<DocumentPart> api = parts_of("/docs/api.md");
  EXPECT_GT(api.size(), 50U) << "the document is read";
  ASSERT_NO_FATAL_FAILURE(check(api));
  // What the document may show though no answer here has it: everything else must have been seen.
  const std::set<std::string> known = {
      // The server is ready and nothing is wrong with it (tests/server, tests/speech have the
      // rest).
      R"(server_status: "loading")",
      R"(server_status: "broken")",
      R"(server_status: "draining")",
      R"(readiness: status: "not_ready")",
      "readiness: reasons[]",
      R"(check_status: "warn")",
      R"(check_status: "fail")",
      // The small voice's takes of two words are good, and each stands alone; the rest takes texts
      // of many chunks, or bad luck (tests/engine, tests/speech).
      "chunk: retakes[]",
      "chunk: faults[]",
      "chunk: warnings[]",
      R"(chunk: joined: "continued")",
      R"(chunk: joined: "fresh")",
      R"(chunk: joined: "fallback")",
      R"(chunk: joined: "reset")",
  };
  for (const std::string& part : unseen_) {
    EXPECT_EQ(known.count(part), 1U) << part << " is shown, and no answer had it";
  }

  const std::vector<DocumentPart> readme = parts_of("/README.md");
  EXPECT_EQ(readme.size(), 1U);
  ASSERT_NO_FATAL_FAILURE(check(readme));

  // The log's line for each job that was done.
  const std::vector<DocumentPart> log = parts_of("/docs/runpod.md", "log");
  ASSERT_EQ(log.size(), 1U);
  const AnswerShape shape = AnswerShape::parse(log.front().answer);
  server_->signal(SIGTERM);
  EXPECT_EQ(server_->wait(), 0);
  std::istringstream lines(server_->read_all());
  int jobs = 0;
  for (std::string line; std::getline(lines, line);) {
    const Json event = Json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!event.is_object()) continue;
    const Json message =
        Json::parse(event.value("message", ""), nullptr, /*allow_exceptions=*/false);
    if (!message.is_object() || message.value("status", "") != "completed") continue;
    if (message.value("format", "") != "ogg") continue;  // the one that is shown
    EXPECT_THAT(shapes_.differences(shape, message), IsEmpty()) << message.dump();
    ++jobs;
  }
  EXPECT_GE(jobs, 3);
  EXPECT_THAT(shapes_.never_seen(shape), IsEmpty());
}

std::vector<std::string> differences(const char* shape, const char* real) {
  AnswerShapes shapes;
  shapes.define("word", AnswerShape::parse(R"({"a": 1})"));
  return shapes.differences(AnswerShape::parse(shape), Json::parse(real));
}

TEST(AnswerShape, FitsWhatIsAsShown) {
  EXPECT_THAT(differences(R"({"a": 1, "b"?: 1.5, "c": ["x"?], "d": null | true})",
                          R"({"a": 7, "c": [], "d": true})"),
              IsEmpty());
  EXPECT_THAT(differences(R"([1, "...b...c"])", R"(["abac", 2, "b c", 3])"), IsEmpty());
  EXPECT_THAT(differences(R"({"x": word, "y": any, ...})", R"({"x": {"a": 1}, "y": {}, "z": 0})"),
              IsEmpty());
  EXPECT_THAT(differences(R"("a\"b")", R"("a\"b")"), IsEmpty());
  EXPECT_THAT(differences("1.5", "2"), IsEmpty());
}

TEST(AnswerShape, TellsEachDifference) {
  EXPECT_THAT(differences(R"({"a": 1, "b": word})", R"({"a": "1", "b": {"c": 2}})"),
              ElementsAre("a is \"1\", shown is an integer", "b.a is shown and not in the answer",
                          "b.c is in the answer and not shown: 2"));
  EXPECT_THAT(differences(R"([{"a": true | null}])", R"([{"a": null}, {"a": false}])"),
              ElementsAre("[1].a is false, shown is true"));
  EXPECT_THAT(differences(R"([1, "x"])", "[2]"),
              ElementsAre("the answer has no item as the one that is shown at 1"));
  EXPECT_THAT(differences("[]", "[0]"), testing::SizeIs(1));
  for (const auto& [shape, real] : {std::pair{"\"a...\"", "\"ba\""},
                                    {"\"a\"", "\"b\""},
                                    {"1", "1.5"},
                                    {"1.5", "true"},
                                    {"{}", "[]"},
                                    {"[]", "{}"},
                                    {"word", "1"},
                                    {"null", "0"}}) {
    EXPECT_THAT(differences(shape, real), testing::Not(IsEmpty())) << shape << " " << real;
  }
}

TEST(AnswerShape, RemembersWhatNoAnswerHad) {
  AnswerShapes shapes;
  const AnswerShape shape =
      AnswerShape::parse(R"({"a"?: {"b"?: 1}, "c": "x" | "y" | 1, "d": ["..."?, {"e"?: 1}?]})");
  EXPECT_THAT(shapes.never_seen(shape), ElementsAre("the answer"));
  EXPECT_THAT(shapes.differences(shape, Json::parse(R"({"c": "y", "d": [{}]})")), IsEmpty());
  EXPECT_THAT(shapes.never_seen(shape),
              ElementsAre("a", R"(c: "x")", "c: an integer", "d[]: \"...\"", "d[].e"));
  EXPECT_THAT(
      shapes.differences(shape, Json::parse(R"({"a": {"b": 1}, "c": "x", "d": ["z", {"e": 2}]})")),
      IsEmpty());
  EXPECT_THAT(shapes.never_seen(shape), ElementsAre("c: an integer"));
}

TEST(AnswerShape, RefusesWhatIsNotInTheNotation) {
  for (const char* text : {"", "{", "{a: 1}", R"({"a"})", R"({"a": })", "[1", "\"a", "1 2", "|",
                           "-", R"({..., "a": 1})"}) {
    EXPECT_THROW(AnswerShape::parse(text), std::invalid_argument) << text;
  }
  AnswerShapes shapes;
  EXPECT_THROW(shapes.differences(AnswerShape::parse("nothing"), 1), std::invalid_argument);
}

// No answer stands in a sentence, where nothing would compare it.
TEST(DocumentAnswersOfApi, AllStandInBlocks) {
  const std::string text = read_file(source_path("/docs/api.md"));
  for (size_t at = text.find("`{\""); at != text.npos; at = text.find("`{\"", at + 1)) {
    const std::string span = text.substr(at + 1, text.find('`', at + 1) - at - 1);
    // A job, which another test sends; the other form of a voice's name.
    if (span.starts_with("{\"input\": {") || span == "{\"id\"}") continue;
    ADD_FAILURE() << span << " stands in a sentence";
  }
}

}  // namespace
}  // namespace echo
