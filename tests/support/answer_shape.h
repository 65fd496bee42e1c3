// The notation in which docs/api.md shows answers, and a comparison of real ones with it.
//
//   shape   = value { "|" value }                 one of several
//   value   = "{" [ field { "," field } ] [ "," "..." ] "}"
//           | "[" [ shape [ "?" ] { "," shape [ "?" ] } ] "]"
//           | text | number | "true" | "false" | "null" | word
//   field   = text [ "?" ] ":" shape
//
// It is JSON with four more signs. A `?` says that a field, or an item of a list, may be missing;
// `...` in a text stands for more of it; `...` at the end of an object stands for more fields. A
// word stands for the shape that was defined by that name, `any` for every value. Numbers are
// examples: an integer stands for integers, another for numbers. All else is literal. A list has
// any number of items, each as one of those that are shown.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace echo {

class AnswerShape {
 public:
  // Throws std::invalid_argument, saying where, for a text that is not in the notation.
  static AnswerShape parse(std::string_view text);

  struct Part;

 private:
  friend class AnswerShapes;
  std::shared_ptr<const Part> whole_;
};

// Shapes that may name each other. It remembers what of them real answers have had.
class AnswerShapes {
 public:
  void define(const std::string& name, AnswerShape shape);

  // Returns a sentence for each way in which the real answer is another: what is shown and not in
  // it, what is in it and not shown, what is of another type or value. Empty: it is as shown.
  std::vector<std::string> differences(const AnswerShape& shape, const Json& real);

  // Throws std::invalid_argument where nothing was defined by that name.
  const AnswerShape& named(const std::string& name) const;

  // Returns what no answer has had yet of the optional fields and items, and of the alternatives:
  // "output.subtitles", "status: \"FAILED\"". Shapes that it names are not looked into.
  std::vector<std::string> never_seen(const AnswerShape& shape) const;

 private:
  using Part = AnswerShape::Part;
  using Differences = std::vector<std::string>;

  const Part& resolved(const Part& part) const;
  void compare(const Part& part, const Json& real, const std::string& where, Differences& found);
  void compare_object(const Part& part, const Json& real, const std::string& where,
                      Differences& found);
  void compare_list(const Part& part, const Json& real, const std::string& where,
                    Differences& found);
  // The first of the parts that the value is like; else its place after the last, and the
  // differences from the one that it is most like.
  size_t choose(const std::vector<Part>& parts, const Json& real, const std::string& where,
                Differences& found);
  void collect_unseen(const Part& part, const std::string& where,
                      std::vector<std::string>& unseen) const;

  std::map<std::string, AnswerShape> named_;
  std::set<const Part*> seen_;
};

}  // namespace echo
