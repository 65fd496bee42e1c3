#include "job/piece_rules.h"

#include "base/error.h"

namespace echo {

std::optional<std::string> piece_error(const Json& piece) {
  if (!piece.is_object()) return std::nullopt;
  const auto error = piece.find("error");
  if (error == piece.end() || !truthy(*error)) return std::nullopt;
  return error->is_string() ? error->get<std::string>() : dump_json(*error);
}

void check_piece(std::size_t bytes, std::size_t limit) {
  if (bytes <= limit) return;
  throw_invalid("stream piece of " + std::to_string(bytes) + " bytes, at most " +
                std::to_string(limit) + " are taken");
}

}  // namespace echo
