#include "server/answers.h"

namespace echo::server {

http::Response validation_response(const std::vector<Complaint>& complaints) {
  Json details = Json::array();
  for (const Complaint& one : complaints) {
    Json detail = {
        {"type", one.type}, {"loc", one.location}, {"msg", one.message}, {"input", one.input}};
    if (!one.context.is_null()) detail["ctx"] = one.context;
    details.push_back(std::move(detail));
  }
  return http::json_response(422, Json{{"detail", details}});
}

}  // namespace echo::server
