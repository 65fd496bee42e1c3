// The options that a flag or a variable sets, one row each. What --help says, the limits of what is
// given, and the table of docs/deploy.md are made of it (`echo-tts options` prints that table).
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "apps/command.h"
#include "apps/environment.h"

namespace echo::apps {

inline constexpr int64_t kAnyText = std::numeric_limits<int64_t>::min();

struct OptionRow {
  std::string_view flag;      // "--threads", or "-m,--model"
  std::string_view variable;  // read when the flag is not given; empty: none is
  std::string_view fallback;  // what holds without either, in words
  int64_t minimum;            // kAnyText: not a number
  int64_t maximum;
  std::string_view help;  // begins with a verb or a noun
};

std::span<const OptionRow> option_table();

// Returns the row of a flag, named as in the table. Throws kInternal for a flag that has none.
const OptionRow& option_row(std::string_view flag);

// Returns the help of a row with the variable that does the same.
std::string option_help(const OptionRow& row);

// Returns the table in Markdown, as docs/deploy.md has it.
std::string option_markdown();

// Declares the option of a row: its help, its limits.
template <class Value>
Option add_option(Command& command, std::string_view flag, Value& value,
                  const std::string& group = "") {
  const OptionRow& row = option_row(flag);
  Option option = command.option(std::string(row.flag), value, option_help(row));
  if (row.minimum != kAnyText) option.between(row.minimum, row.maximum);
  if (!group.empty()) option.in_group(group);
  return option;
}

// Returns the flag's number, or that of the row's variable, or `otherwise`. Throws kInvalidArgument
// for a variable out of its limits.
int64_t option_number(std::string_view flag, const std::optional<int64_t>& given,
                      const Environment& environment, int64_t otherwise);

}  // namespace echo::apps
