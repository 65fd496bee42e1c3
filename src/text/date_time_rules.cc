#include <array>
#include <utility>

#include "text/characters.h"
#include "text/number_readers.h"
#include "text/number_words.h"

namespace echo {
namespace {

constexpr std::array<std::u32string_view, 13> kMonths = {
    U"",     U"January", U"February",  U"March",   U"April",    U"May",     U"June",
    U"July", U"August",  U"September", U"October", U"November", U"December"};
constexpr std::array<int, 13> kDays = {0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

struct Field {
  size_t end = 0;
  int value = 0;
  std::u32string digits;
};

// One to `most` digits that no further digit follows.
std::optional<Field> field(const NumberText& text, size_t at, size_t least, size_t most) {
  Field result;
  size_t end = at;
  while (is_digit(text.at(end)) && end - at <= most) {
    result.value = result.value * 10 + static_cast<int>(text.at(end) - U'0');
    ++end;
  }
  if (end - at < least || end - at > most) return std::nullopt;
  result.end = end;
  result.digits = text.text.substr(at, end - at);
  return result;
}

// "am", "p m", "p.m." after one space at most: where it ends.
size_t half_day_end(const NumberText& text, size_t at) {
  const size_t begin = text.at(at) == U' ' ? at + 1 : at;
  const char32_t half = lower_case(text.at(begin));
  if (half != U'a' && half != U'p') return 0;
  size_t end = begin + 1;
  if (is_one_of(text.at(end), U" .")) ++end;
  if (lower_case(text.at(end)) != U'm') return 0;
  ++end;
  if (text.at(end - 2) == U'.' && text.at(end) == U'.') ++end;
  return text.ends_at(end) ? end : 0;
}

std::u32string half_day(const NumberText& text, size_t at) {
  return lower_case(text.at(text.at(at) == U' ' ? at + 1 : at)) == U'a' ? U" a m" : U" p m";
}

std::u32string minute_words(const Field& minute) {
  const std::u32string words = cardinal_words(minute.digits);
  return minute.value < 10 ? U"oh " + words : words;
}

// 7.30pm; without its half of the day it is a decimal.
std::optional<Reading> read_pointed_time(const NumberText& text, const Field& hour) {
  const auto minute = field(text, hour.end + 1, 2, 2);
  const bool clock = minute && minute->value <= 59 && hour.value >= 1 && hour.value <= 12;
  const size_t end = clock ? half_day_end(text, minute->end) : 0;
  if (end == 0) return std::nullopt;
  const std::u32string minutes = minute->value > 0 ? U" " + minute_words(*minute) : U"";
  return Reading{end, cardinal_words(hour.digits) + minutes + half_day(text, minute->end)};
}

// 10:30, 7:05 pm, 9 am
std::optional<Reading> read_one_time(const NumberText& text, size_t at) {
  const auto hour = field(text, at, 1, 2);
  if (!hour) return std::nullopt;
  if (text.at(hour->end) == U'.') return read_pointed_time(text, *hour);
  if (text.at(hour->end) != U':') {
    const size_t end = half_day_end(text, hour->end);
    if (end == 0 || hour->value < 1 || hour->value > 12) return std::nullopt;
    return Reading{end, cardinal_words(hour->digits) + half_day(text, hour->end)};
  }
  const auto minute = field(text, hour->end + 1, 2, 2);
  if (minute && text.at(minute->end) == U',' && is_digit(text.at(minute->end + 1))) {
    return std::nullopt;  // 1:50,000 is a scale
  }
  if (!minute || minute->value > 59 || !text.ends_at(minute->end)) {
    // "7:05pm" goes on with letters.
    if (!minute || half_day_end(text, minute->end) == 0) return std::nullopt;
  }
  std::u32string words = cardinal_words(hour->digits);
  size_t end = minute->end;
  std::optional<Field> second;
  if (text.at(end) == U':') second = field(text, end + 1, 2, 2);
  if (second && second->value <= 59) {
    words += U" " + minute_words(*minute);
    if (second->value > 0) words += U" " + minute_words(*second);
    end = second->end;
  } else if (minute->value > 0) {
    words += U" " + minute_words(*minute);
  }
  // A race's time: 12:35.36
  if (text.at(end) == U'.' && is_digit(text.at(end + 1))) {
    size_t last = end + 1;
    while (is_digit(text.at(last))) ++last;
    if (!text.ends_at(last)) return std::nullopt;
    words += U" point " + digit_words(text.text.substr(end + 1, last - end - 1));
    return Reading{last, words};
  }
  const size_t half_end = half_day_end(text, end);
  if (half_end > 0) return Reading{half_end, words + half_day(text, end)};
  if (minute->value == 0 && !second)
    words += hour->value > 12 || hour->value == 0 ? U" hundred" : U" o'clock";
  return Reading{end, words};
}

std::u32string date_words(int month, const std::u32string& day, const std::u32string& year) {
  return std::u32string(kMonths[static_cast<size_t>(month)]) + U" " + ordinal_words(day) + U", " +
         year_words(year);
}

bool is_date(int month, int day) {
  return month >= 1 && month <= 12 && day >= 1 && day <= kDays[static_cast<size_t>(month)];
}

std::optional<Reading> read_iso_date(const NumberText& text, size_t at) {
  const auto year = field(text, at, 4, 4);
  if (!year || !is_one_of(text.at(year->end), U"-/")) return std::nullopt;
  const auto month = field(text, year->end + 1, 1, 2);
  if (!month || text.at(month->end) != text.at(year->end)) return std::nullopt;
  const auto day = field(text, month->end + 1, 1, 2);
  if (!day || !is_date(month->value, day->value)) return std::nullopt;
  Reading reading{day->end, date_words(month->value, day->digits, year->digits)};
  if (is_one_of(text.at(day->end), U"T ") && is_digit(text.at(day->end + 1))) {
    const auto time = read_one_time(text, day->end + 1);
    const bool clock = time && text.text.substr(day->end, time->end - day->end).find(U':') !=
                                   std::u32string_view::npos;
    if (clock) {
      reading.end = time->end + (text.at(time->end) == U'Z' ? 1 : 0);
      reading.words += U" at " + time->words;
    }
  }
  return text.ends_at(reading.end) ? std::optional(reading) : std::nullopt;
}

// Whether a day stands before "3/4", or a word that a day follows: "on 3/4", but "on 3/4 of them".
bool follows_day(const NumberText& text, size_t at, size_t last) {
  size_t end = at;
  while (end > 0 && is_one_of(text.at(end - 1), U" ,")) --end;
  size_t begin = end;
  while (begin > 0 && is_letter(text.at(begin - 1)) && end - begin < 10) --begin;
  const std::u32string_view word = text.text.substr(begin, end - begin);
  for (const std::u32string_view day :
       {U"Monday", U"Tuesday", U"Wednesday", U"Thursday", U"Friday", U"Saturday", U"Sunday"}) {
    if (word == day) return true;
  }
  for (const std::u32string_view lead : {U"on", U"by", U"until", U"till", U"due", U"since"}) {
    if (word == lead) return text.text.substr(last, 3) != U" of";
  }
  return false;
}

// 3/5/2024, 5.3.2024
std::optional<Reading> read_short_date(const NumberText& text, size_t at) {
  const auto first = field(text, at, 1, 2);
  if (!first || !is_one_of(text.at(first->end), U"/.-")) return std::nullopt;
  const char32_t separator = text.at(first->end);
  const auto second = field(text, first->end + 1, 1, 2);
  if (!second) return std::nullopt;
  // "Tue. 3/4": a day's name makes a date of what else is a fraction.
  const bool whole = text.at(second->end) == separator;
  if (!whole && separator == U'/' && text.ends_at(second->end) &&
      follows_day(text, at, second->end)) {
    const bool day_first = text.date_order == DateOrder::kDayFirst;
    const Field& month = day_first ? *second : *first;
    const Field& day = day_first ? *first : *second;
    if (!is_date(month.value, day.value)) return std::nullopt;
    return Reading{second->end, std::u32string(kMonths[static_cast<size_t>(month.value)]) + U" " +
                                    ordinal_words(day.digits)};
  }
  if (!whole) return std::nullopt;
  auto year = field(text, second->end + 1, 4, 4);
  if (!year && separator == U'/') year = field(text, second->end + 1, 2, 2);
  if (!year || !text.ends_at(year->end)) return std::nullopt;
  const bool stop = separator == U'.' && !is_digit(text.at(year->end + 1));
  if (text.at(year->end) == separator && !stop) return std::nullopt;
  if (year->digits.size() == 2) year->digits.insert(0, year->value < 50 ? U"20" : U"19");
  // With points the day comes first wherever points are written.
  const bool day_first = separator == U'.' || text.date_order == DateOrder::kDayFirst;
  const Field* month = day_first ? &*second : &*first;
  const Field* day = day_first ? &*first : &*second;
  if (!is_date(month->value, day->value)) std::swap(month, day);
  if (!is_date(month->value, day->value)) return std::nullopt;
  return Reading{year->end, date_words(month->value, day->digits, year->digits)};
}

}  // namespace

std::optional<Reading> read_time(const NumberText& text, size_t at) {
  auto reading = read_one_time(text, at);
  if (!reading) {
    // "9-5 pm", "9–11 am", "7.30-9.30pm"
    const auto first = field(text, at, 1, 2);
    if (!first) return std::nullopt;
    const auto minute =
        text.at(first->end) == U'.' ? field(text, first->end + 1, 2, 2) : std::nullopt;
    const size_t next = range_dash_end(text, minute ? minute->end : first->end);
    const auto last = next > 0 ? read_one_time(text, next) : std::nullopt;
    if (!last || first->value > 12) return std::nullopt;
    if (minute && (minute->value > 59 || !last->words.ends_with(U" m"))) return std::nullopt;
    const std::u32string minutes = minute && minute->value > 0 ? U" " + minute_words(*minute) : U"";
    return Reading{last->end, cardinal_words(first->digits) + minutes + U" to " + last->words};
  }
  // A pace: 4:57/mile
  for (const std::u32string_view way : {U"/mile", U"/mi", U"/km", U"/lap"}) {
    if (text.text.substr(reading->end, way.size()) != way) continue;
    if (const auto per = read_per(text, reading->end)) {
      return Reading{per->end, reading->words + per->words};
    }
  }
  const size_t next = range_dash_end(text, reading->end);
  if (next > 0) {
    if (const auto last = read_one_time(text, next)) {
      return Reading{last->end, reading->words + U" to " + last->words};
    }
  }
  return reading;
}

std::optional<Reading> read_date(const NumberText& text, size_t at) {
  if (const auto date = read_iso_date(text, at)) return date;
  return read_short_date(text, at);
}

}  // namespace echo
