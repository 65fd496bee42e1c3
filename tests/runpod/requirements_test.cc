// docs/runpod.md names the tests of every requirement: are they there?
#include <fnmatch.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "support/paths.h"

namespace echo::runpod {
namespace {

namespace fs = std::filesystem;

const fs::path kSource = source_path();

std::string content(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// "Suite.Name" of every test of the tree.
std::set<std::string> all_tests() {
  static const std::regex kTest(R"(TEST(?:_F|_P)?\((\w+),\s*(\w+)\))");
  std::set<std::string> names;
  for (const auto& item : fs::recursive_directory_iterator(kSource / "tests")) {
    if (!item.path().string().ends_with("_test.cc")) continue;
    const std::string text = content(item.path());
    for (std::sregex_iterator at(text.begin(), text.end(), kTest), end; at != end; ++at) {
      names.insert((*at)[1].str() + "." + (*at)[2].str());
    }
  }
  return names;
}

struct Row {
  std::vector<std::string> requirements;  // "M6", "M7"
  std::vector<std::string> patterns;      // "WorkerTake.S7_M6_M7_*"
  std::string line;
};

// "M6, M7 ...", "M29…M33 ...", "S1 ..., S2 ...": everything that the first cell names.
std::vector<std::string> numbers_in(const std::string& cell) {
  static const std::regex kRange(R"(([MS])(\d+)…[MS](\d+))");
  static const std::regex kOne(R"(\b([MS])(\d+)\b)");
  std::vector<std::string> found;
  std::smatch range;
  if (std::regex_search(cell, range, kRange)) {
    for (int i = std::stoi(range[2]); i <= std::stoi(range[3]); ++i) {
      found.push_back(range[1].str() + std::to_string(i));
    }
    return found;
  }
  for (std::sregex_iterator at(cell.begin(), cell.end(), kOne), end; at != end; ++at) {
    found.push_back(at->str());
  }
  return found;
}

// Patterns in the second cell; one without a suite belongs to the suite before it.
std::vector<std::string> patterns_in(const std::string& cell) {
  static const std::regex kQuoted("`([^`]+)`");
  std::vector<std::string> found;
  std::string suite;
  for (std::sregex_iterator at(cell.begin(), cell.end(), kQuoted), end; at != end; ++at) {
    std::string pattern = (*at)[1];
    const size_t dot = pattern.find('.');
    if (dot != std::string::npos) {
      suite = pattern.substr(0, dot);
    } else {
      pattern = suite + "." + pattern;
    }
    found.push_back(pattern);
  }
  return found;
}

std::vector<Row> rows() {
  static const std::regex kRow(R"(\| ([MS]\d[^|]*)\|([^|]*)\|)");
  const std::string text = content(kSource / "docs" / "runpod.md");
  std::vector<Row> found;
  for (std::sregex_iterator at(text.begin(), text.end(), kRow), end; at != end; ++at) {
    found.push_back({numbers_in((*at)[1]), patterns_in((*at)[2]), at->str()});
  }
  return found;
}

TEST(Requirements, EveryRequirementAndScenarioHasItsRow) {
  std::set<std::string> named;
  for (const Row& row : rows()) named.insert(row.requirements.begin(), row.requirements.end());
  for (int i = 1; i <= 56; ++i) EXPECT_TRUE(named.contains("M" + std::to_string(i))) << "M" << i;
  for (int i = 1; i <= 18; ++i) EXPECT_TRUE(named.contains("S" + std::to_string(i))) << "S" << i;
}

TEST(Requirements, EveryTestThatARowNamesIsThere) {
  const std::set<std::string> tests = all_tests();
  ASSERT_GT(tests.size(), 300u);
  for (const Row& row : rows()) {
    EXPECT_FALSE(row.patterns.empty()) << row.line;
    for (const std::string& pattern : row.patterns) {
      bool found = false;
      for (const std::string& name : tests) {
        found |= ::fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
      }
      EXPECT_TRUE(found) << "no test is called " << pattern << "\n" << row.line;
    }
  }
}

// The number stands in a test's name, so that `ctest -R M24` finds it.
TEST(Requirements, EveryNumberIsInTheNameOfATest) {
  const std::set<std::string> tests = all_tests();
  for (const auto& [letter, last] : {std::pair("M", 56), std::pair("S", 18)}) {
    for (int i = 1; i <= last; ++i) {
      const std::string number = letter + std::to_string(i);
      const std::regex pattern("[._0-9]" + number + "([^0-9]|$)");
      bool found = false;
      for (const std::string& name : tests) found |= std::regex_search(name, pattern);
      EXPECT_TRUE(found) << number;
    }
  }
}

}  // namespace
}  // namespace echo::runpod
