// The model's alphabet: bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace echo {

inline constexpr size_t kMaxTextTokens = 768;  // what the model was trained on
inline constexpr int32_t kStartToken = 0;

// Tokens that a normalised text needs: the start token and its bytes.
inline size_t count_tokens(std::string_view normalised) { return 1 + normalised.size(); }

// The start token and the bytes of a normalised text, cut at kMaxTextTokens. plan_chunks() makes
// texts that need no cut.
std::vector<int32_t> tokenize(std::string_view normalised);

}  // namespace echo
