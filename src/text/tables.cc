#include "text/tables.h"

#include "base/utf8.h"

namespace echo {
namespace {

// Calls take(line) for every line that is neither empty nor a comment.
template <class Take>
void for_each_line(std::string_view table, const Take& take) {
  while (!table.empty()) {
    const size_t end = std::min(table.find('\n'), table.size());
    const std::string_view line = table.substr(0, end);
    if (!line.empty() && (line[0] != '#' || line.substr(0, 2) == "#\t")) take(line);
    table.remove_prefix(std::min(end + 1, table.size()));
  }
}

}  // namespace

std::vector<std::vector<std::u32string>> table_rows(std::string_view table) {
  std::vector<std::vector<std::u32string>> rows;
  for_each_line(table, [&](std::string_view line) {
    std::vector<std::u32string>& row = rows.emplace_back();
    while (true) {
      const size_t tab = line.find('\t');
      row.push_back(decode_utf8(line.substr(0, tab)));
      if (tab == std::string_view::npos) break;
      line.remove_prefix(tab + 1);
    }
  });
  return rows;
}

WordSet table_words(std::string_view table) {
  WordSet words;
  for_each_line(table, [&](std::string_view line) {
    std::u32string word;
    for (const char32_t c : decode_utf8(line) + U" ") {
      if (c != U' ' && c != U'\t') {
        word.push_back(c);
      } else if (!word.empty()) {
        words.insert(std::move(word));
        word.clear();
      }
    }
  });
  return words;
}

WordMap table_map(std::string_view table) {
  WordMap map;
  for (std::vector<std::u32string>& row : table_rows(table)) {
    if (row.size() >= 2) map.emplace(row[0], row[1]);
  }
  return map;
}

}  // namespace echo
