// What one operation of the API's description is made of.
// For the files of the description only.
#pragma once

#include <string>
#include <utility>

#include "base/json.h"

namespace echo::server {

inline Json reference(const std::string& name) {
  return {{"$ref", "#/components/schemas/" + name}};
}

inline Json json_answer(const std::string& description, const Json& schema) {
  return {{"description", description}, {"content", {{"application/json", {{"schema", schema}}}}}};
}

inline Json path_parameter(const std::string& name, const std::string& description) {
  return {{"name", name},
          {"in", "path"},
          {"required", true},
          {"description", description},
          {"schema", {{"type", "string"}}}};
}

inline Json wait_parameter() {
  return {{"name", "wait"},
          {"in", "query"},
          {"description", "How long the request is held at most, in milliseconds."},
          {"schema", {{"type", "integer"}, {"minimum", 1000}, {"maximum", 300000}}}};
}

// One operation; paths with {parameters} get them described.
class Operation {
 public:
  Operation(const std::string& tag, const std::string& summary) {
    value_ = {{"tags", Json::array({tag})}, {"summary", summary}, {"responses", Json::object()}};
  }
  Operation& id(const std::string& name) {
    value_["operationId"] = name;
    return *this;
  }
  // `example` is a body that the route takes.
  Operation& body(const Json& schema, const Json& example) {
    value_["requestBody"] = {
        {"required", true},
        {"content", {{"application/json", {{"schema", schema}, {"example", example}}}}}};
    return *this;
  }
  Operation& form(const Json& schema) {
    value_["requestBody"] = {{"required", true},
                             {"content", {{"multipart/form-data", {{"schema", schema}}}}}};
    return *this;
  }
  Operation& parameter(Json parameter) {
    value_["parameters"].push_back(std::move(parameter));
    return *this;
  }
  Operation& answer(int status, const std::string& description, const Json& schema) {
    value_["responses"][std::to_string(status)] = json_answer(description, schema);
    return *this;
  }
  // An answer of OpenAI's kind that says why not.
  Operation& refusal(int status, const std::string& why) {
    return answer(status, why, reference("OpenAiError"));
  }
  Operation& plain(int status, const std::string& description, const std::string& type = "") {
    Json answer = {{"description", description}};
    if (!type.empty()) answer["content"] = {{type, {{"schema", {{"type", "string"}}}}}};
    value_["responses"][std::to_string(status)] = std::move(answer);
    return *this;
  }
  Operation& open() {
    value_["security"] = Json::array();
    return *this;
  }
  const Json& json() const { return value_; }

 private:
  Json value_;
};

// What OpenAI's clients ask for, below one of its prefixes. `name` tells the prefixes apart.
void add_openai_paths(const std::string& base, const std::string& name, Json& paths);

}  // namespace echo::server
