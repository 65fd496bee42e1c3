#include "base/utf8.h"
#include "text/characters.h"
#include "text/rules.h"
#include "text/tables.h"

namespace echo {
namespace {

constexpr size_t kLongestMarkupTag = 2000;

const WordMap& tags() {
  static const WordMap map = table_map(table_tags);
  return map;
}

struct Tag {
  std::u32string name;
  bool closes = false;  // </x>
  bool single = false;  // <x/>
  bool attributes = false;
  bool plain = true;  // nothing that a comparison, "a<b and c>d", would have
};

// What stands between < and >.
Tag parse_tag(std::u32string_view inside) {
  Tag tag;
  if (!inside.empty() && (inside[0] == U'!' || inside[0] == U'?')) {
    tag.name = U"!";
    return tag;
  }
  if (!inside.empty() && inside[0] == U'/') {
    tag.closes = true;
    inside.remove_prefix(1);
  }
  size_t end = 0;
  while (end < inside.size() && (is_word_character(inside[end]) || is_one_of(inside[end], U":-"))) {
    ++end;
  }
  if (end == 0 || !is_ascii_letter(inside[0])) return tag;
  tag.name = lower_case(inside.substr(0, end));
  std::u32string_view rest = inside.substr(end);
  while (!rest.empty() && is_white_space(rest.back())) rest.remove_suffix(1);
  if (!rest.empty() && rest.back() == U'/') {
    tag.single = true;
    rest.remove_suffix(1);
  }
  while (!rest.empty() && is_white_space(rest.front())) rest.remove_prefix(1);
  tag.attributes = !rest.empty();
  tag.plain = rest.empty() || rest.find(U'=') != rest.npos;
  if (tag.name.find(U"//") != tag.name.npos || (!rest.empty() && rest[0] == U'/')) tag.name.clear();
  return tag;
}

// What a tag leaves in the text; false when it is none.
bool read_tag(const Tag& tag, std::u32string& by) {
  if (tag.name.empty() || !tag.plain) return false;
  if (tag.name == U"!") return true;
  const auto known = tags().find(tag.name);
  if (known == tags().end()) {
    // Unknown names only where the form leaves no doubt: "<x/>", "</x>", "<a:b ...>".
    return tag.closes || tag.single || tag.name.find(U':') != tag.name.npos ||
           (tag.attributes && tag.plain);
  }
  if (known->second == U"line") by = U"\n";
  if (known->second == U"item" && !tag.closes) by = U"\n- ";
  if (known->second == U"paragraph") by = U"\n\n";
  if (known->second == U"cell" && tag.closes) by = U", ";
  return true;
}

// Content that nobody reads aloud.
bool hides_content(std::u32string_view name) {
  return name == U"script" || name == U"style" || name == U"title" || name == U"svg";
}

class TagRemover {
 public:
  explicit TagRemover(Draft& draft) : draft_(draft), text_(draft.text()) {}

  void remove() {
    for (size_t at = 0; at < text_.size(); ++at) {
      if (text_[at] == U'<') at = remove_at(at) - 1;
    }
    draft_.commit();
  }

 private:
  // The place to go on from.
  size_t remove_at(size_t at) {
    if (text_.compare(at, 4, U"<!--") == 0) {
      if (no_comment_end_) return at + 1;
      const size_t end = text_.find(U"-->", at + 4);
      no_comment_end_ = end == text_.npos;
      return no_comment_end_ ? at + 1 : replace(at, end + 3, U"");
    }
    size_t end = at + 1;
    while (end < text_.size() && end - at < kLongestMarkupTag && text_[end] != U'<' &&
           text_[end] != U'>' && !is_mark(text_[end])) {
      ++end;
    }
    if (end >= text_.size() || text_[end] != U'>') return std::max(at + 1, end);
    const Tag tag = parse_tag(std::u32string_view(text_).substr(at + 1, end - at - 1));
    if (hides_content(tag.name) && !tag.closes && !tag.single) {
      const size_t close = text_.find(U"</" + tag.name, end);
      const size_t after = close == text_.npos ? text_.npos : text_.find(U'>', close);
      return after == text_.npos ? end + 1 : replace(at, after + 1, U"");
    }
    std::u32string by;
    if (!read_tag(tag, by)) return end + 1;
    // Between two words a tag that says nothing must not join them: "<b>one</b><b>two</b>".
    return replace(at, end + 1, by);
  }

  size_t replace(size_t begin, size_t end, std::u32string_view by) {
    draft_.replace(begin, end, by, Rule::kMarkup);
    return end;
  }

  Draft& draft_;
  const std::u32string& text_;
  bool no_comment_end_ = false;
};

}  // namespace

void remove_tags(Draft& draft) { TagRemover(draft).remove(); }

}  // namespace echo
