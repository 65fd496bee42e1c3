#include "runpod/job.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <optional>

#include "base/error.h"

namespace echo::runpod {
namespace {

const Json kNull;

// Deepest nesting of arrays and objects; copying and printing such a document recurses that far.
size_t nesting_depth(std::string_view text) {
  size_t depth = 0;
  size_t deepest = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        in_string = false;
      }
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      deepest = std::max(deepest, ++depth);
    } else if ((c == ']' || c == '}') && depth > 0) {
      --depth;
    }
  }
  return deepest;
}

// The code unit of "\uXXXX" at `i`, if there is one.
std::optional<unsigned> escaped_unit(std::string_view text, size_t i) {
  if (i + 6 > text.size() || text[i] != '\\' || text[i + 1] != 'u') return std::nullopt;
  unsigned value = 0;
  for (size_t k = 2; k < 6; ++k) {
    const char c = text[i + k];
    if (!std::isxdigit(static_cast<unsigned char>(c))) return std::nullopt;
    value = value * 16 + static_cast<unsigned>(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
  }
  return value;
}

// "\ud83d" without its partner becomes "\ufffd". Such escapes come from clients that cut a text in
// the middle of an emoji.
std::string without_lone_surrogates(std::string_view text) {
  std::string out(text);
  for (size_t i = 0; i + 1 < out.size(); ++i) {
    if (out[i] != '\\') continue;
    const auto unit = escaped_unit(out, i);
    if (!unit) {
      ++i;  // another escape: skip the character it covers
      continue;
    }
    if (*unit >= 0xD800 && *unit <= 0xDFFF) {
      const auto next = escaped_unit(out, i + 6);
      if (*unit < 0xDC00 && next && *next >= 0xDC00 && *next <= 0xDFFF) {
        i += 11;
        continue;
      }
      out.replace(i, 6, "\\ufffd");
    }
    i += 5;
  }
  return out;
}

Json parse_once(std::string_view text) {
  return Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
}

// What is wrong with an id, or an empty text.
std::string id_problem(const Json& item) {
  const auto id = item.find("id");
  if (id == item.end()) return "job has no field id";
  if (!id->is_string()) return std::string("job id is of type ") + id->type_name();
  const auto& text = id->get_ref<const std::string&>();
  if (text.empty()) return "job id is empty";
  if (text.size() > kMaxJobIdBytes) {
    return "job id has " + std::to_string(text.size()) + " bytes, at most " +
           std::to_string(kMaxJobIdBytes) + " are taken";
  }
  if (text == "." || text == "..") return "job id is a path step";
  const bool control = std::any_of(
      text.begin(), text.end(), [](char c) { return static_cast<uint8_t>(c) < 0x20 || c == 0x7F; });
  return control ? "job id holds control characters" : "";
}

std::string item_problem(const Json& item) {
  if (!item.is_object()) return std::string("job is of type ") + item.type_name();
  if (std::string problem = id_problem(item); !problem.empty()) return problem;
  return item.contains("input") ? "" : "job has no field input";
}

}  // namespace

Job::Job(Json document) : document_(std::move(document)) {
  if (const std::string problem = item_problem(document_); !problem.empty()) {
    throw_corrupt(problem);
  }
  id_ = document_.at("id").get<std::string>();
}

const Json& Job::s3_config() const {
  const auto found = document_.find("s3Config");
  return found != document_.end() && found->is_object() ? *found : kNull;
}

std::chrono::milliseconds Job::execution_timeout() const {
  const auto policy = document_.find("policy");
  if (policy == document_.end() || !policy->is_object()) return {};
  const auto limit = policy->find("executionTimeout");
  if (limit == policy->end() || !limit->is_number()) return {};
  const double value = limit->get<double>();
  constexpr double kLongest = 7 * 24 * 3600 * 1000.0;
  if (!(value > 0)) return {};
  return std::chrono::milliseconds(static_cast<int64_t>(std::min(value, kLongest)));
}

std::string Job::text_field(const char* name) const {
  const auto found = document_.find(name);
  return found != document_.end() && found->is_string() ? found->get<std::string>() : "";
}

Json parse_json(std::string_view text) {
  const size_t depth = nesting_depth(text);
  if (depth > kMaxJsonDepth) {
    throw_corrupt("JSON document is nested " + std::to_string(depth) + " levels deep, at most " +
                  std::to_string(kMaxJsonDepth) + " are read");
  }
  Json document = parse_once(text);
  if (document.is_discarded()) document = parse_once(without_lone_surrogates(text));
  if (document.is_discarded()) {
    throw_corrupt("not a JSON document (" + std::to_string(text.size()) + " bytes)");
  }
  return document;
}

TakenJobs parse_taken_jobs(std::string_view body) {
  Json document = parse_json(body);
  if (!document.is_object() && !document.is_array()) {
    throw_corrupt(std::string("job response is of type ") + document.type_name() +
                  ", expected an object or an array");
  }
  TakenJobs taken;
  const auto take = [&taken](Json& item) {
    std::string problem = item_problem(item);
    if (problem.empty()) {
      taken.jobs.emplace_back(std::move(item));
      return;
    }
    const bool answerable = item.is_object() && id_problem(item).empty();
    taken.rejected.push_back({answerable ? item["id"].get<std::string>() : "", std::move(problem)});
  };
  if (document.is_object()) {
    take(document);
  } else {
    for (Json& item : document) take(item);
  }
  return taken;
}

}  // namespace echo::runpod
