#include <algorithm>
#include <optional>

#include "base/utf8.h"
#include "text/characters.h"
#include "text/rules.h"
#include "text/tables.h"

namespace echo {
namespace {

constexpr size_t kLongestToken = 2100;
constexpr int kMaxTries = 8;       // places in a token where an address may begin
constexpr size_t kShortPath = 12;  // a path of one word that is not longer is said
constexpr std::u32string_view kTrailing = U".,;:!?)]}'\"*>\u2026";

struct Spoken {
  size_t end;
  std::u32string text;
};

const WordSet& domain_ends() {
  static const WordSet set = table_words(table_domain_ends);
  return set;
}

const WordMap& file_ends() {
  static const WordMap map = table_map(table_file_ends);
  return map;
}

bool is_host_character(char32_t c) { return is_word_character(c) || c == U'-'; }

bool is_all(std::u32string_view text, bool (*is)(char32_t)) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is);
}

std::vector<std::u32string> split(std::u32string_view text, char32_t by) {
  std::vector<std::u32string> parts(1);
  for (const char32_t c : text) {
    if (c == by) {
      parts.emplace_back();
    } else {
      parts.back().push_back(c);
    }
  }
  return parts;
}

std::u32string spelled(std::u32string_view letters) {
  std::u32string result;
  for (const char32_t c : letters) {
    if (!result.empty()) result += U' ';
    result += upper_case(c);
  }
  return result;
}

// The last label of a host: "com", "org", but "U K".
std::u32string said_domain_end(const std::u32string& label) {
  static const WordSet words = {U"co", U"me", U"to", U"so", U"be", U"in", U"it"};
  return label.size() == 2 && is_all(label, is_ascii_letter) && !words.count(label) ? spelled(label)
                                                                                    : label;
}

std::u32string said_host(std::u32string_view host) {
  std::vector<std::u32string> labels = split(host, U'.');
  if (labels.size() > 2 && lower_case(labels[0]) == U"www") labels.erase(labels.begin());
  std::u32string result;
  for (size_t i = 0; i < labels.size(); ++i) {
    const bool last = i + 1 == labels.size() && i > 0;
    if (i > 0) result += U" dot ";
    result += last ? said_domain_end(lower_case(labels[i])) : labels[i];
  }
  return result;
}

bool is_host(std::u32string_view host) {
  const std::vector<std::u32string> labels = split(host, U'.');
  return labels.size() >= 2 && std::all_of(labels.begin(), labels.end(), [](const auto& label) {
           return is_all(label, is_host_character);
         });
}

class AddressReader {
 public:
  explicit AddressReader(Draft& draft) : draft_(draft), text_(draft.text()) {}

  void read() {
    for (size_t at = 0; at < text_.size();) {
      const char32_t before = at > 0 ? text_[at - 1] : U' ';
      const bool starts = !is_word_character(before) && !is_one_of(before, U"@._/\\-&#");
      if (starts && !is_white_space(text_[at])) {
        if (const auto spoken = read_at(at)) {
          draft_.say(at, spoken->end, spoken->text, Rule::kAddress);
          at = std::max(at + 1, spoken->end);
          continue;
        }
      }
      ++at;
    }
    draft_.commit();
  }

 private:
  // The characters until the next white space or bracket that cannot belong to an address.
  std::u32string_view token(size_t at) const {
    if (at >= token_end_ || at < token_begin_) {
      token_begin_ = at;
      token_end_ = at;
      while (token_end_ < text_.size() && !is_white_space(text_[token_end_]) &&
             !is_mark(text_[token_end_]) && !is_one_of(text_[token_end_], U"<>\"|`") &&
             token_end_ - at < kLongestToken) {
        ++token_end_;
      }
      // Unmatched closers and stops at its end belong to the sentence.
      const bool brackets = std::u32string_view(text_).substr(at, token_end_ - at).find(U'(') !=
                            std::u32string_view::npos;
      trimmed_end_ = token_end_;
      while (trimmed_end_ > at && is_one_of(text_[trimmed_end_ - 1], kTrailing) &&
             !(brackets && text_[trimmed_end_ - 1] == U')')) {
        --trimmed_end_;
      }
      tries_ = 0;
    }
    return trimmed_end_ > at ? std::u32string_view(text_).substr(at, trimmed_end_ - at)
                             : std::u32string_view();
  }

  std::optional<Spoken> read_at(size_t at) const {
    const char32_t c = text_[at];
    if (c == U'/') {
      if (const size_t end = pronunciation_end(at)) return Spoken{end, U""};
    }
    if (c == U'@') return read_handle(at);
    if (c == U'#') return read_hash(at);
    if (c == U'/' || c == U'~' || c == U'.') return read_path(at);
    if (c == U'<') return read_in_angles(at);
    if (!is_word_character(c)) return std::nullopt;
    const std::u32string_view whole = token(at);
    if (++tries_ > kMaxTries || whole.size() < 4 || whole.size() > kLongestToken - 1)
      return std::nullopt;
    const size_t scheme = whole.find(U"://");
    if (scheme != whole.npos && scheme <= 10) return read_url(at, whole, scheme + 3);
    if (whole.substr(0, 7) == U"mailto:") {
      if (const auto mail = read_mail(at + 7, whole.substr(7))) return mail;
    }
    if (const auto mail = read_mail(at, whole)) return mail;
    if (whole.find(U'.') == whole.npos && whole.find(U'\\') == whole.npos) return std::nullopt;
    if (lower_case(whole.substr(0, 4)) == U"www.") return read_url(at, whole, 0);
    if (whole.size() > 3 && is_ascii_letter(whole[0]) && whole[1] == U':' && whole[2] == U'\\') {
      return Spoken{at + whole.size(), said_path(whole, U'\\', U" backslash ")};
    }
    if (const auto file = read_file(at, whole)) return file;
    return read_bare_host(at, whole);
  }

  // /ˈwɔːtə/ says how the word before it is spoken: where it ends, 0 where it is none.
  size_t pronunciation_end(size_t at) const {
    constexpr size_t kLongest = 40;
    bool phonetic = false;
    for (size_t end = at + 1; end < text_.size() && end - at < kLongest; ++end) {
      const char32_t c = text_[end];
      if (c == U'/') return phonetic ? end + 1 : 0;
      if (is_mark(c) || c == U'\n') return 0;
      phonetic = phonetic || (c >= 0x250 && c <= 0x2FF);
    }
    return 0;
  }

  std::optional<Spoken> read_in_angles(size_t at) const {
    const bool begins = at + 1 < text_.size() && is_word_character(text_[at + 1]);
    const auto inside = begins ? read_at(at + 1) : std::nullopt;
    if (!inside || draft_.at(inside->end) != U'>') return std::nullopt;
    return Spoken{inside->end + 1, inside->text};
  }

  // host[:port][/path][?query]: the host, and the path when it is one short word.
  std::optional<Spoken> read_url(size_t at, std::u32string_view whole, size_t host_begin) const {
    size_t end = host_begin;
    while (end < whole.size() && !is_one_of(whole[end], U"/?#:")) ++end;
    std::u32string_view host = whole.substr(host_begin, end - host_begin);
    const size_t user = host.rfind(U'@');
    if (user != host.npos) host.remove_prefix(user + 1);
    while (!host.empty() && host.back() == U'.') host.remove_suffix(1);
    if (!is_host(host) && !is_all(host, is_host_character)) return std::nullopt;
    while (end < whole.size() && (whole[end] == U':' || is_digit(whole[end]))) ++end;
    std::u32string said = said_host(host) + said_short_path(whole.substr(end));
    return Spoken{at + whole.size(), std::move(said)};
  }

  static std::u32string said_short_path(std::u32string_view path) {
    path = path.substr(0, path.find_first_of(U"?#"));
    while (!path.empty() && path.back() == U'/') path.remove_suffix(1);
    while (!path.empty() && path.front() == U'/') path.remove_prefix(1);
    return path.size() > 2 && path.size() <= kShortPath && is_all(path, is_ascii_letter)
               ? U" slash " + std::u32string(path)
               : std::u32string();
  }

  std::optional<Spoken> read_mail(size_t at, std::u32string_view whole) const {
    const size_t sign = whole.find(U'@');
    if (sign == whole.npos || sign == 0 || sign > 64) return std::nullopt;
    const std::u32string_view local = whole.substr(0, sign);
    size_t end = sign + 1;
    while (end < whole.size() && (is_host_character(whole[end]) || whole[end] == U'.')) ++end;
    const std::u32string_view host = whole.substr(sign + 1, end - sign - 1);
    if (!is_host(host)) return std::nullopt;
    std::u32string said;
    for (const char32_t c : local) {
      if (is_word_character(c)) {
        said += c;
      } else if (c == U'.') {
        said += U" dot ";
      } else if (c == U'_') {
        said += U" underscore ";
      } else if (c == U'-') {
        said += U" dash ";
      } else if (c == U'+') {
        said += U" plus ";
      } else {
        return std::nullopt;
      }
    }
    said += U" at " + said_host(host);
    // git@example.com:anna/tools.git
    const std::u32string_view path = whole.substr(end);
    if (path.size() > 1 && path[0] == U':' && is_word_character(path[1])) {
      return Spoken{at + whole.size(),
                    said + U" colon " + said_path(path.substr(1), U'/', U" slash ")};
    }
    return Spoken{at + end, said};
  }

  std::optional<Spoken> read_bare_host(size_t at, std::u32string_view whole) const {
    size_t end = 0;
    while (end < whole.size() && (is_host_character(whole[end]) || whole[end] == U'.')) ++end;
    const std::u32string_view host = whole.substr(0, end);
    if (!is_host(host)) return std::nullopt;
    if (end < whole.size() && !is_one_of(whole[end], U"/?:#'),;!")) return std::nullopt;
    const std::vector<std::u32string> labels = split(host, U'.');
    const bool letters =
        std::any_of(labels[labels.size() - 2].begin(), labels[labels.size() - 2].end(), is_letter);
    // "end.Next" is two sentences; a host has no capital there.
    if (!letters || !domain_ends().count(labels.back())) return std::nullopt;
    if (labels.size() == 2 && labels[0].size() < 2) return std::nullopt;
    if (end < whole.size() && is_one_of(whole[end], U"/?:#")) return read_url(at, whole, 0);
    return Spoken{at + end, said_host(host)};
  }

  // report.pdf, src/main.cc, Node.js
  std::optional<Spoken> read_file(size_t at, std::u32string_view whole) const {
    const size_t point = whole.rfind(U'.');
    if (point == whole.npos || point == 0) return std::nullopt;
    const auto end = file_ends().find(whole.substr(point + 1));
    if (end == file_ends().end()) return std::nullopt;
    const std::u32string_view name = whole.substr(0, point);
    // A host ends in "so" and "go" too, and a sentence may.
    if (domain_ends().count(whole.substr(point + 1)) && name.find(U'/') == name.npos) {
      return std::nullopt;
    }
    for (const char32_t c : name) {
      if (!is_host_character(c) && !is_one_of(c, U"._/+")) return std::nullopt;
    }
    if (name.find(U"//") != name.npos) return std::nullopt;
    return Spoken{at + whole.size(), said_path(whole, U'/', U" slash ")};
  }

  // "/usr/local/bin": what a sentence has with slashes, "and/or", does not begin with one.
  std::optional<Spoken> read_path(size_t at) const {
    const std::u32string_view whole = token(at);
    const std::vector<std::u32string> parts = split(whole, U'/');
    const bool relative = parts[0] == U"~" || parts[0] == U"." || parts[0] == U"..";
    if (parts.size() < (relative ? 2 : 3) || (!parts[0].empty() && !relative)) return std::nullopt;
    if (!is_all(parts[1], [](char32_t c) { return is_host_character(c) || is_one_of(c, U"._"); })) {
      return std::nullopt;
    }
    return Spoken{at + whole.size(), said_path(whole, U'/', U" slash ")};
  }

  static std::u32string said_path(std::u32string_view path, char32_t by, std::u32string_view said) {
    std::u32string result;
    const std::vector<std::u32string> parts = split(path, by);
    for (size_t i = 0; i < parts.size(); ++i) {
      if (i > 0) result += said;
      if (i > 0 && parts[i].empty()) continue;
      const size_t point = parts[i].rfind(U'.');
      if (parts[i] == U"~") {
        result += U"home";
      } else if (parts[i] == U".") {
        result += U"dot";
      } else if (parts[i] == U"..") {
        result += U"dot dot";
      } else if (point == parts[i].npos) {
        result += parts[i];
      } else {
        result += said_file(parts[i]);
      }
    }
    return result.substr(std::min(result.find_first_not_of(U' '), result.size()));
  }

  static std::u32string said_file(const std::u32string& name) {
    std::vector<std::u32string> parts = split(name, U'.');
    std::u32string result;
    for (size_t i = 0; i < parts.size(); ++i) {
      if (i > 0) result += result.empty() ? U"dot " : U" dot ";
      const auto end = file_ends().find(parts[i]);
      result += i > 0 && end != file_ends().end() ? end->second : parts[i];
    }
    return result;
  }

  std::optional<Spoken> read_handle(size_t at) const {
    size_t end = at + 1;
    while (end < text_.size() && (is_word_character(text_[end]) || text_[end] == U'_') &&
           end - at < 40) {
      ++end;
    }
    if (end < at + 3 || !is_letter(text_[at + 1])) return std::nullopt;
    return Spoken{end,
                  U"at " + said_words(std::u32string_view(text_).substr(at + 1, end - at - 1))};
  }

  // #tag, #3, #ff8800
  std::optional<Spoken> read_hash(size_t at) const {
    size_t end = at + 1;
    while (end < text_.size() && (is_word_character(text_[end]) || text_[end] == U'_') &&
           end - at < 60) {
      ++end;
    }
    const std::u32string_view tag = std::u32string_view(text_).substr(at + 1, end - at - 1);
    if (tag.empty()) return std::nullopt;
    // An order's number, #A-1029.
    if (tag.size() <= 3 && is_all(tag, is_upper) && draft_.at(end) == U'-' &&
        is_digit(draft_.at(end + 1))) {
      return Spoken{end, U"number " + std::u32string(tag)};
    }
    if (is_all(tag, is_digit)) {
      return tag.size() > 5 ? std::nullopt
                            : std::optional(Spoken{end, U"number " + std::u32string(tag)});
    }
    const bool digits = std::any_of(tag.begin(), tag.end(), is_digit);
    const bool hex = tag.size() == 6 && std::all_of(tag.begin(), tag.end(), [](char32_t c) {
                       return is_digit(c) || is_one_of(c | 0x20, U"abcdef");
                     });
    if (hex && digits) return Spoken{end, U"hex " + spelled(tag)};
    // #2024Champions
    const auto letters = std::count_if(tag.begin(), tag.end(), is_letter);
    if (!is_letter(tag[0]) && letters < 4) return std::nullopt;
    return Spoken{end, U"hashtag " + said_words(tag)};
  }

  // "ThrowbackThursday" and "throwback_thursday" are two words.
  static std::u32string said_words(std::u32string_view tag) {
    std::u32string result;
    for (size_t i = 0; i < tag.size(); ++i) {
      const bool word = i > 0 && is_upper(tag[i]) && (is_lower(tag[i - 1]) || is_digit(tag[i - 1]));
      if (word) result += U' ';
      result += tag[i] == U'_' ? U' ' : tag[i];
    }
    return result;
  }

  Draft& draft_;
  const std::u32string& text_;
  mutable size_t token_begin_ = 0, token_end_ = 0, trimmed_end_ = 0;
  mutable int tries_ = 0;
};

}  // namespace

void spell_addresses(Draft& draft) { AddressReader(draft).read(); }

}  // namespace echo
