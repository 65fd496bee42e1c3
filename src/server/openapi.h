// The description of the API, for programs and for people.
#pragma once

#include <string>
#include <string_view>

#include "server/answers.h"

namespace echo::server {

struct ApiDescription {
  std::string version;      // of the program
  std::string endpoint_id;  // empty: no realtime route
  bool keys = false;        // whether an API key is needed
  bool files = false;       // whether /files is served
  bool studio = false;      // whether /studio is served
  Json input_schema;        // JSON schema of a job's input; null: any object
};

// An OpenAPI 3.1 document of every route.
Json openapi_document(const ApiDescription& description);

// A page that shows the document of /openapi.json and lets one try a request; it loads nothing
// else.
std::string_view docs_page();

}  // namespace echo::server
