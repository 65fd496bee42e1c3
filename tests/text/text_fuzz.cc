// libFuzzer target: whatever the bytes are, a text is planned in chunks that the model can read,
// and told truly what was changed, or is refused with kInvalidArgument.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/error.h"
#include "text/planned_text.h"
#include "text/tokens.h"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

// The first byte chooses what is on.
echo::TextOptions options_of(uint8_t bits) {
  if (bits % 16 == 15) return echo::published_text_options();
  echo::TextOptions options;
  options.processing = bits % 16 != 14;
  options.max_chars = (bits & 16) != 0 ? 60 : echo::kNaturalMaxChars;
  if ((bits & 32) != 0) options.numbers = echo::NumberStyle::kWords;
  if ((bits & 64) != 0) options.code = echo::CodeStyle::kRead;
  if ((bits & 128) != 0) options.emoji = echo::EmojiStyle::kSounds;
  return options;
}

void check(std::string_view text, const echo::TextOptions& options) {
  const echo::PlannedText plan = echo::plan_text(text, options);
  require(!plan.chunks.empty());
  for (const echo::PlannedChunk& chunk : plan.chunks) {
    require(!chunk.text.empty());
    require(echo::count_tokens(chunk.model_text) <= echo::kMaxTextTokens);
    require(chunk.source_begin <= chunk.source_end && chunk.source_end <= text.size());
  }
  if (!options.processing) return;
  require(echo::apply_changes(text, plan.changes) == plan.spoken);
  // What has been read is read as it stands.
  require(echo::plan_text(plan.spoken, options).spoken == plan.spoken);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  try {
    check(text, options_of(data[0]));
  } catch (const echo::Error& error) {
    require(error.code() == echo::ErrorCode::kInvalidArgument);
  }
  return 0;
}
