#include "server/job_body.h"

#include "base/error.h"

namespace echo::server {
namespace {

// Text and parameters of a job are a few dozen; of a stranger's document that is no reason to hold
// gigabytes.
constexpr size_t kMaxJobValues = 100'000;

Complaint missing(Json location, Json input) {
  return {"missing", std::move(location), "Field required", std::move(input)};
}

// The object, or the complaint about what is none.
CheckedBody object_body(std::string_view body) {
  if (body.empty())
    return {nullptr, validation_response({missing(Json::array({"body"}), nullptr)})};
  CheckedBody checked;
  try {
    checked.document = parse_json(body, kMaxJobValues);
  } catch (const Error& error) {
    checked.refusal = validation_response({{"json_invalid",
                                            Json::array({"body", 0}),
                                            "JSON decode error",
                                            Json::object(),
                                            {{"error", error.what()}}}});
    return checked;
  }
  if (!checked.document.is_object()) {
    checked.refusal =
        validation_response({{"model_attributes_type", Json::array({"body"}),
                              "Input should be a valid dictionary or object to extract fields from",
                              checked.document}});
  }
  return checked;
}

CheckedBody with_complaints(CheckedBody checked, const std::vector<Complaint>& complaints) {
  if (!complaints.empty()) checked.refusal = validation_response(complaints);
  return checked;
}

}  // namespace

CheckedBody development_body(std::string_view body) {
  CheckedBody checked = object_body(body);
  if (checked.refusal) return checked;
  std::vector<Complaint> complaints;
  const Json& document = checked.document;
  if (const auto input = document.find("input"); input == document.end()) {
    complaints.push_back(missing(Json::array({"body", "input"}), document));
  } else if (!input->is_object()) {
    complaints.push_back({"dict_type", Json::array({"body", "input"}),
                          "Input should be a valid dictionary", *input});
  }
  if (const auto webhook = document.find("webhook");
      webhook != document.end() && !webhook->is_null() && !webhook->is_string()) {
    complaints.push_back({"string_type", Json::array({"body", "webhook"}),
                          "Input should be a valid string", *webhook});
  }
  return with_complaints(std::move(checked), complaints);
}

CheckedBody realtime_body(std::string_view body) {
  CheckedBody checked = object_body(body);
  if (checked.refusal) return checked;
  std::vector<Complaint> complaints;
  const Json& document = checked.document;
  if (const auto id = document.find("id"); id == document.end()) {
    complaints.push_back(missing(Json::array({"body", "id"}), document));
  } else if (!id->is_string()) {
    complaints.push_back(
        {"string_type", Json::array({"body", "id"}), "Input should be a valid string", *id});
  }
  if (!document.contains("input"))
    complaints.push_back(missing(Json::array({"body", "input"}), document));
  return with_complaints(std::move(checked), complaints);
}

CheckedBody hosted_body(std::string_view body) {
  CheckedBody checked;
  const auto refuse = [&checked](const std::string& text) {
    checked.refusal = http::error_response(400, "bad_request: " + text);
  };
  try {
    checked.document = parse_json(body, kMaxJobValues);
  } catch (const Error& error) {
    refuse("the body is " + std::string(error.what()));
    return checked;
  }
  if (!checked.document.is_object()) {
    refuse(std::string("the body is of type ") + checked.document.type_name() +
           ", expected an object");
  } else if (!checked.document.contains("input")) {
    refuse("the body has no field input");
  }
  return checked;
}

}  // namespace echo::server
