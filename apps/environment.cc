#include "apps/environment.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <string_view>

#include "apps/variables.h"
#include "base/error.h"

namespace echo::apps {

std::string Environment::raw(const std::string& name) const {
  if (name.starts_with("ECHO_") && !is_variable(name)) {
    throw_internal("apps/variables.cc has no " + name);
  }
  const char* const value = std::getenv(name.c_str());
  return value ? value : "";
}

std::optional<std::string> Environment::find(const std::string& name) const {
  const std::string whole = raw(name);
  std::string_view value = whole;
  constexpr std::string_view kBlank = " \t\r\n\f\v";
  value.remove_prefix(std::min(value.find_first_not_of(kBlank), value.size()));
  value = value.substr(0, value.find_last_not_of(kBlank) + 1);
  if (value.empty()) return {};
  return std::string(value);
}

std::string Environment::text(const std::string& name, const std::string& fallback) const {
  return find(name).value_or(fallback);
}

std::string Environment::either(const std::string& name, const std::string& other) const {
  return find(name).value_or(text(other));
}

int64_t Environment::integer(const std::string& name, int64_t fallback, int64_t minimum,
                             int64_t maximum) const {
  const std::optional<std::string> value = find(name);
  if (!value) return fallback;
  int64_t number = 0;
  const char* end = value->data() + value->size();
  const auto [rest, error] = std::from_chars(value->data(), end, number);
  if (error != std::errc() || rest != end || number < minimum || number > maximum) {
    const std::string problem = name + ": found \"" + value->substr(0, 40) +
                                "\", expected an integer from " + std::to_string(minimum) +
                                " to " + std::to_string(maximum);
    if (problems_ == nullptr) throw_invalid(problem);
    if (std::find(problems_->begin(), problems_->end(), problem) == problems_->end()) {
      problems_->push_back(problem);
    }
    return fallback;
  }
  return number;
}

Environment Environment::collecting(std::vector<std::string>& problems) const {
  Environment copy = *this;
  copy.problems_ = &problems;
  return copy;
}

}  // namespace echo::apps
