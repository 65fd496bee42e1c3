#include "text/normalize.h"

#include <array>

namespace echo {
namespace {

struct Replacement {
  std::string_view from;
  std::string_view to;
};

// No result contains the start of another rule, so one pass gives what rule after rule would give.
constexpr std::array<Replacement, 7> kReplacements = {{
    {"\u2026", "..."},  // …
    {"\u2019", "'"},    // ’
    {"\u201D", "\""},   // ”
    {"\n", " "},
    {":", ","},
    {";", ","},
    {"\u2014", ", "},  // —
}};

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

}  // namespace

std::string normalize_text(std::string_view text) {
  std::string result;
  result.reserve(text.size() + 8);
  const bool tagged = text.substr(0, 1) == "[" || text.substr(0, 1) == "(" ||
                      contains(text, "S1") || contains(text, "S2");
  if (!tagged) result = "[S1] ";
  while (!text.empty()) {
    size_t taken = 1;
    std::string_view put = text.substr(0, 1);
    for (const Replacement& rule : kReplacements) {
      if (text.substr(0, rule.from.size()) == rule.from) {
        taken = rule.from.size();
        put = rule.to;
        break;
      }
    }
    result += put;
    text.remove_prefix(taken);
  }
  return result;
}

}  // namespace echo
