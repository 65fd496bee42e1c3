// Results that lie in a folder, under links that expire.
#pragma once

#include "net/directory_store.h"
#include "server/router.h"

namespace echo::server {

// GET /files/{key*}: 403 for a wrong or expired signature, 404 for a file that is gone; one byte
// range per request. `store` must outlive the router.
void add_file_routes(Router& router, const DirectoryStore& store);

}  // namespace echo::server
