#include <utf8proc.h>

#include <cstdlib>
#include <optional>

#include "base/utf8.h"
#include "text/characters.h"
#include "text/rules.h"
#include "text/tables.h"

namespace echo {
namespace {

constexpr size_t kLongestEntity = 12;
// Unicode's own bound of marks on one character (stream-safe text); longer runs are left alone.
constexpr size_t kMaxMarks = 30;

const WordMap& entities() {
  static const WordMap map = table_map(table_entities);
  return map;
}

const WordMap& replacements() {
  static const WordMap map = table_map(table_characters);
  return map;
}

// Characters without a form of their own: joiners, direction marks, variation selectors, tags.
bool is_invisible(char32_t c) {
  return c == 0xAD || c == 0x34F || c == 0x61C || c == 0x180E || (c >= 0x200B && c <= 0x200F) ||
         (c >= 0x202A && c <= 0x202E) || (c >= 0x2060 && c <= 0x206F) ||
         (c >= 0xFE00 && c <= 0xFE0F) || c == 0xFEFF || (c >= 0xFFF9 && c <= 0xFFFC) ||
         (c >= 0xE0000 && c <= 0xE0FFF);
}

// Scripts in which a joiner or non-joiner decides how a word is written.
bool needs_joiners(char32_t c) { return c >= 0x600 && c < 0x1100; }

bool is_private(char32_t c) {
  return (c >= 0xE000 && c <= 0xF8FF) || (c >= 0xF0000 && c <= 0x10FFFF) || c == 0xFFFD ||
         (c & 0xFFFE) == 0xFFFE;
}

struct Decoded {
  size_t end;
  std::u32string text;
};

// An entity at `at`, where there is a &.
std::optional<Decoded> decode_entity(const std::u32string& text, size_t at) {
  const size_t end = text.find(U';', at);
  if (end == text.npos || end - at > kLongestEntity || end < at + 2) return std::nullopt;
  const std::u32string name = text.substr(at + 1, end - at - 1);
  if (name[0] == U'#') {
    const bool hex = name.size() > 1 && (name[1] | 0x20) == U'x';
    const std::string digits = ascii_of(std::u32string_view(name).substr(hex ? 2 : 1));
    char* rest = nullptr;
    const unsigned long value = std::strtoul(digits.c_str(), &rest, hex ? 16 : 10);
    const bool scalar = value > 0 && value <= 0x10FFFF && (value < 0xD800 || value > 0xDFFF);
    if (digits.empty() || !is_word_character(static_cast<unsigned char>(digits[0])) || *rest ||
        !scalar) {
      return std::nullopt;
    }
    return Decoded{end + 1, std::u32string(1, static_cast<char32_t>(value))};
  }
  const auto found = entities().find(name);
  if (found == entities().end()) return std::nullopt;
  return Decoded{end + 1, found->second};
}

void decode_entities(Draft& draft) {
  const std::u32string& text = draft.text();
  // A find() for each & would look far: the next semicolon is looked for once.
  size_t semicolon = text.find(U';');
  for (size_t at = 0; at < text.size(); ++at) {
    if (text[at] != U'&') continue;
    if (semicolon != text.npos && semicolon < at) semicolon = text.find(U';', at);
    if (semicolon == text.npos) break;
    if (semicolon - at > kLongestEntity) continue;
    if (const auto decoded = decode_entity(text, at)) {
      draft.replace(at, decoded->end, decoded->text, Rule::kUnicode);
      at = decoded->end - 1;
    }
  }
  draft.commit();
}

// What a character becomes; nothing when it stays.
std::optional<std::u32string> replacement(const Draft& draft, size_t at) {
  const char32_t c = draft.at(at);
  if (c == U'\r') return draft.at(at + 1) == U'\n' ? U"" : U"\n";
  if (c == U'\n' || c == U'\t') return std::nullopt;
  if (c == 0x85 || c == 0x2028) return U"\n";
  if (c == 0x2029) return U"\n\n";
  if (c < 0x20 || (c >= 0x7F && c < 0xA0)) return U" ";
  if (c < 0x7F) return std::nullopt;
  if (is_white_space(c)) return U" ";
  const bool joiner = c == 0x200C || c == 0x200D;
  if (joiner && at > 0 && needs_joiners(draft.at(at - 1))) return std::nullopt;
  if (is_invisible(c)) return U"";
  if (is_private(c)) return U" ";
  if (c >= 0xFF01 && c <= 0xFF5E) {
    // Between ideographs the wide forms are the script's own punctuation.
    const bool letter = is_word_character(c - 0xFEE0);
    if (!letter && at > 0 && is_cjk(draft.at(at - 1))) return std::nullopt;
    return std::u32string(1, c - 0xFEE0);
  }
  const auto found = replacements().find(std::u32string_view(&c, 1));
  if (found != replacements().end()) return found->second;
  return std::nullopt;
}

void replace_characters(Draft& draft) {
  for (size_t at = 0; at < draft.size(); ++at) {
    if (const auto by = replacement(draft, at)) draft.replace(at, at + 1, *by, Rule::kUnicode);
  }
  draft.commit();
}

std::u32string composed(std::u32string_view text) {
  std::u32string buffer(text.size() * 4 + 4, 0);
  const std::string bytes = encode_utf8(text);
  const auto flags = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE);
  auto* data = reinterpret_cast<utf8proc_int32_t*>(buffer.data());
  auto length = utf8proc_decompose(reinterpret_cast<const utf8proc_uint8_t*>(bytes.data()),
                                   static_cast<utf8proc_ssize_t>(bytes.size()), data,
                                   static_cast<utf8proc_ssize_t>(buffer.size()), flags);
  if (length < 0 || static_cast<size_t>(length) > buffer.size()) return std::u32string(text);
  length = utf8proc_normalize_utf32(data, length, flags);
  if (length < 0) return std::u32string(text);
  buffer.resize(static_cast<size_t>(length));
  return buffer;
}

void compose(Draft& draft) {
  const std::u32string& text = draft.text();
  for (size_t at = 0; at < text.size();) {
    const size_t end = grapheme_end(text, at);
    const bool plain = end == at + 1 && text[at] < 0x300;
    if (!plain && !is_mark(text[at]) && end - at <= kMaxMarks) {
      draft.replace(at, end, composed(std::u32string_view(text).substr(at, end - at)),
                    Rule::kUnicode);
    }
    at = end;
  }
  draft.commit();
}

}  // namespace

void unify_characters(Draft& draft) {
  decode_entities(draft);
  replace_characters(draft);
  compose(draft);
}

}  // namespace echo
