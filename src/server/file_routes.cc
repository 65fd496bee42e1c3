#include "server/file_routes.h"

#include <fcntl.h>

#include <utility>

#include "server/answers.h"
#include "server/file_answer.h"

namespace echo::server {

void add_file_routes(http::Router& router, const DirectoryStore& store) {
  const auto serve = [&store](const http::Call& call) {
    const LinkedFile file = store.open_link(call.parameter("key"), call.request.query);
    switch (file.status) {
      case LinkedFile::Status::kOk:
        if (auto answer = file_answer(
                call.request,
                Descriptor(::open(file.path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)),
                file.content_type)) {
          return call.reply.send(*std::move(answer));
        }
        [[fallthrough]];
      case LinkedFile::Status::kNotFound:
        return call.reply.send(http::error_response(404, "not_found: the file is gone"));
      case LinkedFile::Status::kExpired:
        return call.reply.send(http::error_response(403, "forbidden: the link has expired"));
      case LinkedFile::Status::kBadSignature:
        break;
    }
    call.reply.send(http::error_response(403, "forbidden: the link's signature is wrong"));
  };
  http::Route route{"GET", "/files/{key*}", serve};
  route.open = true;  // the signature is the key
  router.add(std::move(route));
}

}  // namespace echo::server
