#include "text/tokens.h"

#include <algorithm>

namespace echo {

std::vector<int32_t> tokenize(std::string_view normalised) {
  std::vector<int32_t> tokens;
  tokens.reserve(std::min(count_tokens(normalised), kMaxTextTokens));
  tokens.push_back(kStartToken);
  for (const char c : normalised.substr(0, kMaxTextTokens - 1)) {
    tokens.push_back(static_cast<uint8_t>(c));
  }
  return tokens;
}

}  // namespace echo
