// Results that lie in a folder, under links that expire.
#pragma once

#include "http/router.h"
#include "net/directory_store.h"

namespace echo::server {

// GET /files/{key*}: 403 for a wrong or expired signature, 404 for a file that is gone; one byte
// range per request. `store` must outlive the router.
void add_file_routes(http::Router& router, const DirectoryStore& store);

}  // namespace echo::server
