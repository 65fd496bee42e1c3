// The tables of src/text/data, which are part of the program.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace echo {

// The files as they are; a line that begins with # is a comment.
extern const std::string_view table_abbreviations;
extern const std::string_view table_bible_books;
extern const std::string_view table_characters;
extern const std::string_view table_conjunctions;
extern const std::string_view table_counted_nouns;
extern const std::string_view table_domain_ends;
extern const std::string_view table_emoji;
extern const std::string_view table_emoji_sounds;
extern const std::string_view table_entities;
extern const std::string_view table_file_ends;
extern const std::string_view table_initialisms;
extern const std::string_view table_lettered_nouns;
extern const std::string_view table_math_words;
extern const std::string_view table_measured_nouns;
extern const std::string_view table_numbered_nouns;
extern const std::string_view table_quantities;
extern const std::string_view table_regnal_names;
extern const std::string_view table_sentence_starters;
extern const std::string_view table_smileys;
extern const std::string_view table_sounds;
extern const std::string_view table_tags;
extern const std::string_view table_units;
extern const std::string_view table_word_acronyms;

// Words of a text: case matters.
using WordSet = std::set<std::u32string, std::less<>>;
using WordMap = std::map<std::u32string, std::u32string, std::less<>>;

// The lines of a table, each as its fields between tabs; no comments, no empty lines.
std::vector<std::vector<std::u32string>> table_rows(std::string_view table);
// All words of a table, between white space.
WordSet table_words(std::string_view table);
// The second field of every line by the first.
WordMap table_map(std::string_view table);

}  // namespace echo
