// The environment. Nothing outside apps/ reads it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace echo::apps {

class Environment {
 public:
  // A variable that is set, without the blanks and line ends around its value, which come along
  // when a value is pasted. One of blanks alone is as good as not set.
  std::optional<std::string> find(const std::string& name) const;
  // As it is; empty if it is not set.
  std::string raw(const std::string& name) const;
  std::string text(const std::string& name, const std::string& fallback = "") const;
  // The first of two names that is set.
  std::string either(const std::string& name, const std::string& other) const;
  // An integer in a range. Throws kInvalidArgument, naming the variable, the value and the range.
  int64_t integer(const std::string& name, int64_t fallback, int64_t minimum,
                  int64_t maximum) const;

  // Returns the same with a list to which integer() adds what it would throw, so that everything
  // that is wrong can be told at once; it returns the fallback then. The list must outlive all
  // copies.
  Environment collecting(std::vector<std::string>& problems) const;

 private:
  std::vector<std::string>* problems_ = nullptr;
};

}  // namespace echo::apps
