// The rule families of the front end, each in a file of its own, in the order in which they act.
// Every one reads the draft once from left to right, in time that grows with the text's length.
#pragma once

#include <string>
#include <vector>

#include "text/draft.h"
#include "text/text_options.h"

namespace echo {

// Where what could not be read is told; a sentence is told once.
class Warnings {
 public:
  explicit Warnings(std::vector<std::string>& list) : list_(list) {}
  void add(const std::string& sentence);

 private:
  std::vector<std::string>& list_;
};

// Entities, invisible and control characters, spaces, quotes, ligatures, full-width forms; composed
// characters (NFC).
void unify_characters(Draft& draft);
// Fenced code goes, or stays as lines; `inline code` loses its ticks.
void read_code(Draft& draft, const TextOptions& options);
// [pause:1.5s], <break time="1s"/>. Throws kInvalidArgument for one above 10 s.
void mark_pauses(Draft& draft, Warnings& warnings);
// Tags of HTML and SSML.
void remove_tags(Draft& draft);
// [S1], "Speaker 2:" at a line's beginning.
void mark_speakers(Draft& draft, Warnings& warnings);
// Emoji and :-)
void remove_emoji(Draft& draft, const TextOptions& options);
// Headings, lists, quotations, tables, paragraphs, lines.
void read_blocks(Draft& draft);
// "press *", "the # key"
void read_keys(Draft& draft);
// $x = 1$, \frac{1}{2}
void read_math(Draft& draft);
// **bold**, [links](to), footnotes.
void read_emphasis(Draft& draft, const TextOptions& options);
// example.com/a, a@b.org, @name, #tag, /usr/bin, report.pdf
void spell_addresses(Draft& draft);
// Dr., e.g., U.S.
void expand_abbreviations(Draft& draft);
// John 3:16, 1 Cor. 13:4-8
void read_verses(Draft& draft);
// Q4'22, FY2023/24, 5 p.m. ET
void read_calendar(Draft& draft);
// "Waist (cm)", "the km/h figure"
void read_lone_units(Draft& draft);
// Times, dates, money, phones, units, fractions, ranges, large numbers.
void read_numbers(Draft& draft, const TextOptions& options);
// Chapter IV, Henry VIII
void read_roman_numerals(Draft& draft);
// (laughs) stays a sound, other parentheses become commas.
void read_parentheses(Draft& draft, const TextOptions& options);
// C++, A+, F#, .NET, B flat, type O-
void read_sign_names(Draft& draft);
// Hyphens and dashes: "Monday-Friday", "5 - 3", "well -- late", ->
void read_dashes(Draft& draft);
// & + = / ~ and arrows.
void read_symbols(Draft& draft);
// FBI is spelled, SHOUTING is not.
void read_capitals(Draft& draft);
// One space, no space before a comma, no comma after a comma.
void tidy_spacing(Draft& draft);
// A passage ends with a mark.
void close_passages(Draft& draft);

// Whether a text is the name of a sound, as in "(laughs)".
bool is_sound(std::u32string_view text, const TextOptions& options);

}  // namespace echo
