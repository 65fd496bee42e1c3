#include <map>
#include <string>

#include "text/characters.h"
#include "text/neighbors.h"
#include "text/number_readers.h"
#include "text/rules.h"
#include "text/tables.h"

namespace echo {
namespace {

constexpr size_t kLongestLoneUnit = 10;

// What is measured, so that of two units one is said per the other only where they measure two
// things: "kg/m³", but "kg/lb" is a choice.
char32_t dimension_of(std::u32string_view unit) {
  static const std::map<std::u32string, char32_t, std::less<>> dimensions = [] {
    std::map<std::u32string, char32_t, std::less<>> all;
    for (const auto& [dimension, units] :
         {std::pair(U'm', U"kg g mg μg ng lb lbs oz t mmol mEq mIU IU"),
          {U'v', U"L l mL ml dL dl cl μL gal m³ m3 cm³"},
          {U'l', U"km m cm mm μm nm mi ft yd in px"},
          {U'a', U"m² m2 km² km2 cm² ft² mi² ha"},
          {U't', U"h hr hrs min mins s sec ms μs day d wk mo yr"},
          {U'b', U"kB KB MB GB TB PB Mbit Gbit kbit"},
          {U'e', U"kWh Wh kcal cal kJ"},
          {U'w', U"W kW MW GW"},
          {U'u', U"USD EUR GBP € £ ¥ $"}}) {
      const std::u32string_view list = units;
      for (size_t at = 0; at < list.size();) {
        const size_t end = std::min(list.find(U' ', at), list.size());
        all.emplace(list.substr(at, end - at), dimension);
        at = end + 1;
      }
    }
    return all;
  }();
  const auto found = dimensions.find(unit);
  return found == dimensions.end() ? 0 : found->second;
}

// A word that may be no unit: "(GB)", "(in)", "(s)". Behind a noun of measure it is one.
bool needs_noun(std::u32string_view unit) {
  static const WordSet words = {U"in",  U"min", U"mins", U"mo", U"ha", U"pt", U"pts", U"cal",
                                U"sec", U"nm",  U"ns",   U"mi", U"cl", U"hp", U"gal", U"yd"};
  bool capitals = true;
  for (const char32_t c : unit) capitals = capitals && is_upper(c);
  return capitals || (unit.size() == 1 && is_letter(unit[0])) || words.count(unit) > 0;
}

class LoneUnitReader {
 public:
  explicit LoneUnitReader(Draft& draft) : draft_(draft), text_(draft.text()) {}

  void read() {
    for (size_t at = 0; at < text_.size(); ++at) {
      if (text_[at] == U'/') {
        read_rate(at);
      } else if (is_one_of(text_[at], U"([") && begins_unit(draft_.at(at + 1))) {
        read_bracket(at);
      }
    }
    draft_.commit();
  }

 private:
  static bool begins_unit(char32_t c) {
    return is_ascii_letter(c) || is_one_of(c, U"%$") || (c >= 128 && !is_mark(c));
  }

  // "Waist (cm)", "[in km/h]"
  void read_bracket(size_t at) {
    const char32_t wanted = text_[at] == U'(' ? U')' : U']';
    const std::u32string_view text = text_;
    size_t begin = at + 1;
    if (text.substr(begin, 3) == U"in ") begin += 3;
    size_t end = begin;
    while (end < text.size() && text[end] != wanted && end - begin <= kLongestLoneUnit) ++end;
    if (end == begin || draft_.at(end) != wanted || begin < draft_.replaced_until()) return;
    const std::u32string_view unit = text.substr(begin, end - begin);
    std::u32string words = words_of(unit);
    if (words.empty() || (needs_noun(unit) && !names_quantity(at))) return;
    draft_.replace(begin, end, words, Rule::kNumber);
  }

  static std::u32string words_of(std::u32string_view unit) {
    if (unit == U"$") return U"dollars";
    const std::u32string whole = unit_words(unit, true);
    if (!whole.empty()) return whole;
    const size_t slash = unit.find(U'/');
    if (slash == unit.npos) return {};
    const std::u32string_view top = unit.substr(0, slash), bottom = unit.substr(slash + 1);
    if (bottom == U"100 km" || bottom == U"100km") {
      return unit_words(top, true) + U" per 100 kilometers";
    }
    const char32_t first = dimension_of(top), second = dimension_of(bottom);
    const std::u32string counted = top == U"$" ? U"dollars" : unit_words(top, true);
    const std::u32string per = bottom == U"day" ? U"day" : unit_words(bottom, false);
    if (counted.empty() || per.empty() || second == 0 || first == second) return {};
    return counted + U" per " + per;
  }

  bool names_quantity(size_t at) const {
    static const WordSet nouns = table_words(table_quantities);
    return nouns.count(lower_case(letters_before(text_, at))) > 0;
  }

  // "the km/h figure": a unit that the table has whole, and no number before it.
  void read_rate(size_t slash) {
    const std::u32string_view first = letters_until(text_, slash);
    const size_t begin = slash - first.size();
    const size_t end = slash + 1 + letters_from(text_, slash + 1).size();
    if (first.empty() || end - begin > kLongestLoneUnit || begin < draft_.replaced_until()) return;
    const std::u32string_view unit = std::u32string_view(text_).substr(begin, end - begin);
    if (unit == U"y/o" || is_word_character(draft_.at(end)) || draft_.at(end) == U'/') return;
    size_t before = begin;
    if (before > 0 && is_one_of(text_[before - 1], U" -")) --before;
    // A number has its unit read with it; a path has more of these.
    if (before > 0 && (is_digit(text_[before - 1]) ||
                       (before == begin && is_one_of(text_[before - 1], U"/.@_")))) {
      return;
    }
    const std::u32string words = unit_words(unit, true);
    if (!words.empty()) draft_.replace(begin, end, words, Rule::kNumber);
  }

  Draft& draft_;
  const std::u32string& text_;
};

}  // namespace

void read_lone_units(Draft& draft) { LoneUnitReader(draft).read(); }

}  // namespace echo
