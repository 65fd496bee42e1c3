#include "support/answer_shape.h"

#include <cctype>
#include <stdexcept>
#include <utility>

namespace echo {

struct AnswerShape::Part {
  enum class Kind { kLiteral, kNumber, kText, kWord, kObject, kList, kOneOf };

  Kind kind = Kind::kLiteral;
  Json value = nullptr;          // of a literal or number
  std::string text = {};         // of a text or word
  std::vector<Part> parts = {};  // fields, items or alternatives
  std::string name = {};         // of a field
  bool optional = false;         // of a field or item
  bool open = false;             // of an object: it has more fields
};

namespace {

using Part = AnswerShape::Part;
using Kind = Part::Kind;

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Part whole() {
    Part part = shape();
    skip_space();
    if (at_ < text_.size()) fail("expected the end");
    return part;
  }

 private:
  [[noreturn]] void fail(const std::string& why) const {
    throw std::invalid_argument(why + " at \"" + std::string(text_.substr(at_, 30)) + "\"");
  }
  void skip_space() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
  }
  bool take(std::string_view sign) {
    skip_space();
    if (!text_.substr(at_).starts_with(sign)) return false;
    at_ += sign.size();
    return true;
  }
  void expect(std::string_view sign) {
    if (!take(sign)) fail("expected " + std::string(sign));
  }

  Part shape() {
    Part first = value();
    if (!take("|")) return first;
    Part any{.kind = Kind::kOneOf};
    any.parts.push_back(std::move(first));
    do {
      any.parts.push_back(value());
    } while (take("|"));
    return any;
  }

  Part value() {
    if (take("{")) return object();
    if (take("[")) return list();
    skip_space();
    if (text_.substr(at_).starts_with('"')) return {.kind = Kind::kText, .text = quoted()};
    const size_t begin = at_;
    while (at_ < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[at_])) ||
                                  std::string_view("_+-.").find(text_[at_]) != text_.npos)) {
      ++at_;
    }
    const std::string word(text_.substr(begin, at_ - begin));
    const Json json = Json::parse(word, nullptr, /*allow_exceptions=*/false);
    if (json.is_number()) return {.kind = Kind::kNumber, .value = json};
    if (json.is_boolean() || json.is_null()) return {.kind = Kind::kLiteral, .value = json};
    if (word.empty() || !std::isalpha(static_cast<unsigned char>(word.front()))) {
      at_ = begin;
      fail("expected a value");
    }
    return {.kind = Kind::kWord, .text = word};
  }

  std::string quoted() {
    const size_t begin = at_++;
    while (at_ < text_.size() && text_[at_] != '"') at_ += text_[at_] == '\\' ? 2 : 1;
    if (at_ >= text_.size()) fail("expected a closing quote");
    ++at_;
    return Json::parse(text_.substr(begin, at_ - begin)).get<std::string>();
  }

  Part object() {
    Part object{.kind = Kind::kObject};
    if (take("}")) return object;
    do {
      if (take("...")) {
        object.open = true;
        break;
      }
      skip_space();
      if (!text_.substr(at_).starts_with('"')) fail("expected a field's name");
      const std::string name = quoted();
      const bool optional = take("?");
      expect(":");
      Part field = shape();
      field.name = name;
      field.optional = optional;
      object.parts.push_back(std::move(field));
    } while (take(","));
    expect("}");
    return object;
  }

  Part list() {
    Part list{.kind = Kind::kList};
    if (take("]")) return list;
    do {
      Part item = shape();
      item.optional = take("?");
      list.parts.push_back(std::move(item));
    } while (take(","));
    expect("]");
    return list;
  }

  std::string_view text_;
  size_t at_ = 0;
};

// `...` in the pattern stands for anything.
bool matches(std::string_view pattern, std::string_view text) {
  const size_t dots = pattern.find("...");
  if (dots == pattern.npos) return pattern == text;
  if (!text.starts_with(pattern.substr(0, dots))) return false;
  const std::string_view rest = pattern.substr(dots + 3);
  for (size_t at = dots; at <= text.size(); ++at) {
    if (matches(rest, text.substr(at))) return true;
  }
  return false;
}

std::string joined(const std::string& where, const std::string& name) {
  return where.empty() ? name : where + "." + name;
}

std::string shown(const Json& value) { return value.dump().substr(0, 100); }

std::string described(const Part& part) {
  switch (part.kind) {
    case Kind::kWord:
      return part.text;
    case Kind::kLiteral:
      return shown(part.value);
    case Kind::kNumber:
      return part.value.is_number_integer() ? "an integer" : "a number";
    case Kind::kText:
      return '"' + part.text + '"';
    case Kind::kObject:
      return "an object";
    case Kind::kList:
      return "a list";
    case Kind::kOneOf:
      break;
  }
  return "one of several";
}

std::string subject(const std::string& where) { return where.empty() ? "the answer" : where; }

}  // namespace

AnswerShape AnswerShape::parse(std::string_view text) {
  AnswerShape shape;
  shape.whole_ = std::make_shared<const Part>(Parser(text).whole());
  return shape;
}

void AnswerShapes::define(const std::string& name, AnswerShape shape) {
  if (!named_.emplace(name, std::move(shape)).second) {
    throw std::invalid_argument(name + " is defined twice");
  }
}

const AnswerShape& AnswerShapes::named(const std::string& name) const {
  const auto found = named_.find(name);
  if (found == named_.end()) throw std::invalid_argument(name + " is not defined");
  return found->second;
}

const AnswerShape::Part& AnswerShapes::resolved(const Part& part) const {
  if (part.kind != Kind::kWord || part.text == "any") return part;
  return *named(part.text).whole_;
}

std::vector<std::string> AnswerShapes::differences(const AnswerShape& shape, const Json& real) {
  Differences found;
  compare(*shape.whole_, real, "", found);
  return found;
}

void AnswerShapes::compare(const Part& unresolved, const Json& real, const std::string& where,
                           Differences& found) {
  const Part& part = resolved(unresolved);
  seen_.insert({&unresolved, &part});
  const auto expect = [&](bool fits) {
    if (!fits)
      found.push_back(subject(where) + " is " + shown(real) + ", shown is " + described(part));
  };
  switch (part.kind) {
    case Kind::kWord:
      if (&part != &unresolved) compare(part, real, where, found);  // a name for a name
      return;                                                       // `any`
    case Kind::kLiteral:
      return expect(real == part.value);
    case Kind::kNumber:
      return expect(part.value.is_number_integer() ? real.is_number_integer() : real.is_number());
    case Kind::kText:
      return expect(real.is_string() && matches(part.text, real.get_ref<const std::string&>()));
    case Kind::kOneOf:
      choose(part.parts, real, where, found);
      return;
    case Kind::kObject:
      expect(real.is_object());
      if (real.is_object()) compare_object(part, real, where, found);
      return;
    case Kind::kList:
      expect(real.is_array());
      if (real.is_array()) compare_list(part, real, where, found);
      return;
  }
}

void AnswerShapes::compare_object(const Part& part, const Json& real, const std::string& where,
                                  Differences& found) {
  std::set<std::string> names;
  for (const Part& field : part.parts) {
    names.insert(field.name);
    const auto value = real.find(field.name);
    if (value != real.end()) {
      compare(field, *value, joined(where, field.name), found);
    } else if (!field.optional) {
      found.push_back(joined(where, field.name) + " is shown and not in the answer");
    }
  }
  if (part.open) return;
  for (const auto& [name, value] : real.items()) {
    if (names.count(name) == 0) {
      found.push_back(joined(where, name) + " is in the answer and not shown: " + shown(value));
    }
  }
}

void AnswerShapes::compare_list(const Part& part, const Json& real, const std::string& where,
                                Differences& found) {
  std::set<size_t> had;
  for (size_t i = 0; i < real.size(); ++i) {
    const std::string item = where + "[" + std::to_string(i) + "]";
    if (part.parts.empty()) {
      found.push_back(item + " is in the answer and no item is shown: " + shown(real[i]));
    } else {
      had.insert(choose(part.parts, real[i], item, found));
    }
  }
  for (size_t i = 0; i < part.parts.size(); ++i) {
    if (had.count(i) == 0 && !part.parts[i].optional && found.empty()) {
      found.push_back(subject(where) + " has no item as the one that is shown at " +
                      std::to_string(i));
    }
  }
}

size_t AnswerShapes::choose(const std::vector<Part>& parts, const Json& real,
                            const std::string& where, Differences& found) {
  Differences fewest;
  for (size_t i = 0; i < parts.size(); ++i) {
    // What an alternative has that is not taken counts as not seen.
    const std::set<const Part*> before = seen_;
    Differences differences;
    compare(parts[i], real, where, differences);
    if (differences.empty()) return i;
    seen_ = before;
    if (i == 0 || differences.size() < fewest.size()) fewest = std::move(differences);
  }
  found.insert(found.end(), fewest.begin(), fewest.end());
  return parts.size();
}

std::vector<std::string> AnswerShapes::never_seen(const AnswerShape& shape) const {
  std::vector<std::string> unseen;
  collect_unseen(*shape.whole_, "", unseen);
  return unseen;
}

void AnswerShapes::collect_unseen(const Part& part, const std::string& where,
                                  std::vector<std::string>& unseen) const {
  if (seen_.count(&part) == 0) {
    unseen.push_back(subject(where));
    return;
  }
  const bool list = part.kind == Kind::kList;
  const bool several = part.kind == Kind::kOneOf || (list && part.parts.size() > 1);
  for (const Part& inner : part.parts) {
    const std::string inside = list                        ? where + "[]"
                               : part.kind == Kind::kOneOf ? where
                                                           : joined(where, inner.name);
    if (several && seen_.count(&inner) == 0) {
      unseen.push_back((inside.empty() ? "" : inside + ": ") + described(inner));
    } else {
      collect_unseen(inner, inside, unseen);
    }
  }
}

}  // namespace echo
