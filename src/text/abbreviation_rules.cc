#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

#include "base/utf8.h"
#include "text/characters.h"
#include "text/neighbors.h"
#include "text/rules.h"
#include "text/tables.h"

namespace echo {
namespace {

constexpr size_t kLongestAbbreviation = 8;

struct Abbreviation {
  std::u32string reading;
  std::u32string kind;
};

const std::map<std::u32string, Abbreviation, std::less<>>& abbreviations() {
  static const auto map = [] {
    std::map<std::u32string, Abbreviation, std::less<>> all;
    for (const auto& row : table_rows(table_abbreviations)) all[row[0]] = {row[1], row[2]};
    return all;
  }();
  return map;
}

// Which lengths abbreviations have that begin with two characters like these, a bit each: few words
// of a text need be looked up.
class Lengths {
 public:
  Lengths() {
    for (const auto& [word, known] : abbreviations()) {
      if (word.size() >= 2) bits_[place(word[0], word[1])] |= uint16_t{1} << word.size();
    }
  }
  unsigned of(char32_t first, char32_t second) const { return bits_[place(first, second)]; }

 private:
  static size_t place(char32_t first, char32_t second) { return (first & 31) << 5 | (second & 31); }
  std::array<uint16_t, 1024> bits_{};
};

const WordSet& starters() {
  static const WordSet set = table_words(table_sentence_starters);
  return set;
}

const WordSet& months() {
  static const WordSet set = {
      U"January",   U"February", U"March",    U"April",    U"May",  U"June", U"July", U"August",
      U"September", U"October",  U"November", U"December", U"Jan",  U"Feb",  U"Mar",  U"Apr",
      U"Jun",       U"Jul",      U"Aug",      U"Sep",      U"Sept", U"Oct",  U"Nov",  U"Dec"};
  return set;
}

class AbbreviationReader {
 public:
  explicit AbbreviationReader(Draft& draft) : draft_(draft), text_(draft.text()) {}

  void read() {
    for (size_t at = 0; at < text_.size(); ++at) {
      const char32_t before = at > 0 ? text_[at - 1] : U' ';
      if (!is_ascii_letter(text_[at]) || is_word_character(before) || is_one_of(before, U".'@_") ||
          (before == U'-' && !(at > 1 && text_[at - 2] == U'.') && !follows_day(at)) ||
          (before == U'/' && at > 1 && !follows_day(at))) {
        continue;
      }
      if (const auto end = read_at(at)) at = *end - 1;
    }
    draft_.commit();
  }

 private:
  std::optional<size_t> read_at(size_t at) {
    if (is_versus(at)) {
      draft_.replace(at, at + 1, U"versus", Rule::kAbbreviation);
      return at + 1;
    }
    static const Lengths lengths;
    const unsigned possible = lengths.of(text_[at], draft_.at(at + 1));
    for (size_t size = std::min(kLongestAbbreviation, text_.size() - at); size >= 2; --size) {
      if ((possible >> size & 1) == 0) continue;
      if (text_[at + size - 1] != U'.' && is_word_character(draft_.at(at + size))) continue;
      const auto found = abbreviations().find(std::u32string_view(text_).substr(at, size));
      if (found == abbreviations().end()) continue;
      const size_t end = at + size;
      // "3 hrs. by train": a point that the table does not have, and no sentence's end.
      const bool pointed =
          draft_.at(end) == U'.' && draft_.at(end + 1) == U' ' && is_lower(draft_.at(end + 2));
      const char32_t last = text_[end - 1];
      if (last == U'.' && is_word_character(draft_.at(end))) {
        // "U.S." inside "U.S.A.", "No.5" though is a number.
        if (!is_digit(draft_.at(end)) || found->second.kind != U"number") continue;
      }
      const auto reading = reading_of(at, end, found->second);
      if (!reading) return std::nullopt;
      const bool joined = is_digit(draft_.at(end));
      const bool keeps_point =
          last == U'.' && (ends_sentence(end, found->second) ||
                           (is_name_of_day(found->second.reading) && ends_days(at, end)));
      draft_.say(at, pointed && last != U'.' ? end + 1 : end,
                 *reading + (keeps_point ? U"."
                             : joined    ? U" "
                                         : U""),
                 Rule::kAbbreviation);
      return pointed && last != U'.' ? end + 1 : end;
    }
    return read_pointed(at);
  }

  // "Arsenal v Chelsea": a v between two names.
  bool is_versus(size_t at) const {
    if (text_[at] != U'v' || at == 0 || text_[at - 1] != U' ' || draft_.at(at + 1) != U' ') {
      return false;
    }
    const std::u32string_view first = word_before(at), last = word_at(at + 2);
    return first.size() > 1 && last.size() > 1 && is_upper(first[0]) && is_upper(last[0]) &&
           is_letter(first.back());
  }

  // "A.I.", "U.S.S.": capitals with points are spelled.
  std::optional<size_t> read_pointed(size_t at) {
    std::u32string letters;
    size_t end = at;
    while (is_upper(draft_.at(end)) && draft_.at(end + 1) == U'.') {
      if (!letters.empty()) letters += U' ';
      letters += text_[end];
      end += 2;
    }
    if (end < at + 4 || is_word_character(draft_.at(end))) return std::nullopt;
    static const Abbreviation pointed{{}, U"seldom"};
    draft_.replace(at, end, letters + (ends_sentence(end, pointed) ? U"." : U""),
                   Rule::kAbbreviation);
    return end;
  }

  size_t skip_space(size_t at) const {
    while (at < text_.size() && text_[at] == U' ') ++at;
    return at;
  }

  std::u32string_view word_at(size_t at) const {
    while (at < text_.size() && is_one_of(text_[at], U"\"'([")) ++at;
    size_t end = at;
    while (end < text_.size() && (is_letter(text_[end]) || text_[end] == U'\'') && end - at < 30)
      ++end;
    return std::u32string_view(text_).substr(at, end - at);
  }

  // The word before `at`, when only spaces are between; with its point, if it has one.
  std::u32string_view word_before(size_t at) const {
    size_t end = at;
    while (end > 0 && text_[end - 1] == U' ') --end;
    size_t begin = end;
    while (begin > 0 &&
           (is_word_character(text_[begin - 1]) || is_one_of(text_[begin - 1], U".'")) &&
           end - begin < 30) {
      --begin;
    }
    return std::u32string_view(text_).substr(begin, end - begin);
  }

  std::optional<std::u32string> reading_of(size_t at, size_t end, const Abbreviation& known) const {
    if (known.reading == U"=") return std::nullopt;
    const size_t next = skip_space(end);
    const char32_t after = draft_.at(next);
    const std::u32string_view next_word = word_at(next);
    const bool name_follows = next > end && is_upper(after);
    // "Mr. and Mrs. Jones"
    const bool joined = after == U'&' || next_word == U"and" || next_word == U"or";
    const std::u32string_view word = std::u32string_view(text_).substr(at, end - at);
    if (word == U"St." || word == U"Dr.") return street_or_name(at, end, known, name_follows);
    if (word == U"Ste." && is_digit(after)) return U"Suite";
    if (known.kind == U"name") {
      const bool address = known.reading.substr(0, 3) == U"Mis" || word == U"Ms.";
      return name_follows || (joined && address) ? std::optional(known.reading) : std::nullopt;
    }
    if (known.kind == U"number" && word != U"c.") {
      // "ch. IV"; a single letter may be a word.
      const bool roman = next_word.size() > 1 &&
                         next_word.find_first_not_of(U"IVXLC") == std::u32string_view::npos;
      return is_digit(after) || roman ? std::optional(known.reading) : std::nullopt;
    }
    if (known.kind == U"date") {
      const bool dash =
          is_one_of(after, U"-\u2013:") || (at > 0 && is_one_of(text_[at - 1], U"-\u2013"));
      const bool date = is_digit(after) || after == U',' || dash || months().count(next_word) > 0 ||
                        is_part_of_day(next_word);
      return date ? std::optional(known.reading) : std::nullopt;
    }
    if (known.kind == U"street") {
      const std::u32string_view before = word_before(at);
      const bool ends = next >= text_.size() || is_break(after) || (next == end && after == U',');
      return ends && !before.empty() && is_upper(before[0]) ? std::optional(known.reading)
                                                            : std::nullopt;
    }
    if (known.kind == U"month") {
      const std::u32string_view before = word_before(at);
      const bool day = !before.empty() && is_digit(before[0]) && before.size() <= 4;
      return is_digit(after) || day ? std::optional(known.reading) : std::nullopt;
    }
    if (known.kind == U"day") {
      return is_day(at, end) ? std::optional(known.reading) : std::nullopt;
    }
    if (word == U"c.") return century_or_circa(at, next);
    if (word == U"est.") {
      const bool year = digits_at(next) == 4;
      return year ? known.reading : U"estimated";
    }
    if (known.reading == U"minimum" || known.reading == U"Minimum") {
      // "30 min.", "wait a min."
      static const WordSet nouns = {U"payment", U"order", U"purchase", U"age",     U"wage",
                                    U"stay",    U"spend", U"deposit",  U"balance", U"length"};
      const bool least = nouns.count(next_word) > 0 || (is_digit(after) && word_before(at) == U"");
      return least ? std::optional(known.reading) : std::nullopt;
    }
    if (known.kind == U"compass")
      return is_direction(at) ? std::optional(known.reading) : std::nullopt;
    if (known.kind == U"direction") {
      const std::u32string_view before = word_before(at);
      const bool house = !before.empty() && is_digit(before[0]);
      // "I-95 N."
      const size_t begin = at - std::min(at, before.size() + 1);
      const bool road =
          house && begin > 1 && text_[begin - 1] == U'-' && is_upper(text_[begin - 2]);
      return road || (name_follows && house) ? std::optional(known.reading) : std::nullopt;
    }
    if (word == U"v.") {
      const std::u32string_view before = word_before(at);
      return name_follows && !before.empty() && is_upper(before[0]) ? std::optional(known.reading)
                                                                    : std::nullopt;
    }
    if (word == U"Co." && word_before(at).empty()) return std::nullopt;
    // "lb. and co." of a sentence that begins with a small "est." are no traps worth more rules.
    return known.reading;
  }

  // How many digits stand at `at`.
  size_t digits_at(size_t at) const {
    size_t end = at;
    while (is_digit(draft_.at(end))) ++end;
    return end - at;
  }

  // "winds NE", "the SE corner", "20 km/h NW", "Park Ave. NW", and no "Omaha, NE" and no company's
  // SE.
  bool is_direction(size_t at) const {
    const std::u32string_view before = word_before(at);
    static const WordSet leads = {U"Wind",   U"Winds", U"Ave.",  U"Avenue",   U"St.",
                                  U"Street", U"Rd.",   U"Road",  U"Dr.",      U"Drive",
                                  U"Ln.",    U"Lane",  U"Blvd.", U"Boulevard"};
    if (leads.count(before)) return true;
    return !before.empty() && std::all_of(before.begin(), before.end(), is_lower);
  }

  // "Mon-Fri", "Tue/Thu", "Sat & Sun": whether a day's name and a sign, or "and", stand before
  // `at`.
  bool follows_day(size_t at) const {
    while (at > 0 && text_[at - 1] == U' ') --at;
    if (at > 4 && std::u32string_view(text_).substr(at - 4, 4) == U" and") {
      at -= 4;
    } else if (at > 0 && is_one_of(text_[at - 1], U"-\u2013/&")) {
      --at;
    } else {
      return false;
    }
    const std::u32string_view word = word_before(at);
    return is_day_of_any_form(word);
  }

  static bool is_day_of_any_form(std::u32string_view word) {
    const auto found = abbreviations().find(word);
    return is_name_of_day(word) ||
           (found != abbreviations().end() && is_name_of_day(found->second.reading));
  }

  static bool is_part_of_day(std::u32string_view word) {
    return word == U"morning" || word == U"afternoon" || word == U"evening" || word == U"night";
  }

  // Whether "Mon" is a day: before a date, at a line's beginning before a colon or a comma, and
  // within a sentence where no name and no verb would stand. The sun is seldom one.
  bool is_day(size_t at, size_t end) const {
    if (day_before_date(end)) return true;
    const size_t next = skip_space(end);
    const char32_t after = draft_.at(next);
    size_t before = at;
    while (before > 0 && text_[before - 1] == U' ') --before;
    const char32_t last = before > 0 ? text_[before - 1] : 0;
    const bool another =
        is_one_of(after, U"/&") && is_day_of_any_form(word_at(skip_space(next + 1)));
    if (another || (is_one_of(last, U"-\u2013/&") && follows_day(at))) return true;
    if (last == 0 || is_mark(last)) return next == end && is_one_of(after, U",:-\u2013");
    if (is_one_of(last, U".?!")) return false;
    const std::u32string_view word = std::u32string_view(text_).substr(at, end - at);
    if (word == U"Sun" && !follows_day(at)) {
      static const WordSet leads = {U"closed", U"every", U"next", U"until", U"through"};
      return leads.count(word_before(at)) > 0 || (next > end && opens_at(next));
    }
    return after == 0 || is_mark(after) || is_digit(after) || is_one_of(after, U",;.)&-\u2013:") ||
           is_part_of_day(word_at(next));
  }

  // "8am", "10:30", "9 a.m.": whether an hour stands at `at`.
  bool opens_at(size_t at) const {
    const size_t digits = digits_at(at);
    if (digits == 0 || digits > 2) return false;
    size_t next = at + digits;
    if (draft_.at(next) == U':') return digits_at(next + 1) == 2;
    if (draft_.at(next) == U' ') ++next;
    const char32_t last = draft_.at(next + (draft_.at(next + 1) == U'.' ? 2 : 1));
    return is_one_of(draft_.at(next) | 0x20, U"ap") && (last | 0x20) == U'm';
  }

  // "Fri 13 Oct", "Mon, Jun 3": whether a day's name that ends at `at` has its date behind it.
  bool day_before_date(size_t at) const {
    size_t next = skip_space(draft_.at(at) == U',' ? at + 1 : at);
    if (next == at) return false;
    if (is_digit(draft_.at(next))) {
      while (is_word_character(draft_.at(next))) ++next;
      next = skip_space(next);
    }
    return months().count(word_at(next)) > 0;
  }

  // "c. 1200", "the 18th c."
  std::optional<std::u32string> century_or_circa(size_t at, size_t next) const {
    size_t digits = next;
    while (is_digit(draft_.at(digits))) ++digits;
    if (digits >= next + 3) return U"circa";
    const std::u32string_view before = word_before(at);
    const bool ordinal = before.size() > 2 && is_digit(before[0]) && is_letter(before.back());
    return ordinal ? std::optional<std::u32string>(U"century") : std::nullopt;
  }

  // St. Louis, Main St.; Dr. Who, Ocean Dr.
  std::optional<std::u32string> street_or_name(size_t at, size_t end, const Abbreviation& known,
                                               bool name_follows) const {
    const std::u32string street = text_[at] == U'S' ? U"Street" : U"Drive";
    const std::u32string_view before = word_before(at);
    const bool after_name = !before.empty() && before.back() != U'.' && before != U"I" &&
                            (is_upper(before[0]) || is_digit(before[0])) &&
                            !starters().count(before);
    const bool starts_sentence = starters().count(word_at(skip_space(end))) > 0;
    if (after_name && (!name_follows || starts_sentence)) return street;
    // "5 Main St. Springfield": a number two words before makes it an address.
    if (after_name && known.reading == U"Saint") {
      const size_t begin = static_cast<size_t>(before.data() - text_.data());
      const std::u32string_view number = word_before(begin);
      if (!number.empty() && is_digit(number[0])) return street;
    }
    if (name_follows) return known.reading;
    return known.reading == U"Saint" && !before.empty() ? std::optional(street) : std::nullopt;
  }

  // "Mon-Fri. Call us", but no "Mon.-Fri. June 3": whether a point behind days ends a sentence.
  bool ends_days(size_t at, size_t end) const {
    const std::u32string_view next = word_at(skip_space(end));
    return next.size() > 1 && is_upper(next[0]) && draft_.at(end) == U' ' && follows_day(at) &&
           months().count(next) == 0 && !is_name_of_day(next) &&
           abbreviations().find(std::u32string(next) + U'.') == abbreviations().end();
  }

  // Whether the point is a full stop too.
  bool ends_sentence(size_t end, const Abbreviation& known) const {
    size_t next = end;
    while (next < text_.size() && is_one_of(text_[next], U"\"')]")) ++next;
    if (is_one_of(draft_.at(next), U".?!,;:")) return false;
    next = skip_space(next);
    if (next >= text_.size() || is_break(text_[next]) || is_speaker(text_[next])) {
      return known.kind != U"never" && known.kind != U"number";
    }
    if (known.kind == U"capital") return is_upper(text_[next]);
    return known.kind == U"seldom" && starters().count(word_at(next)) > 0;
  }

  Draft& draft_;
  const std::u32string& text_;
};

}  // namespace

void expand_abbreviations(Draft& draft) { AbbreviationReader(draft).read(); }

}  // namespace echo
