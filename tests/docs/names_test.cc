// What the documents for those who work here name in backquotes is there: files, folders, classes,
// their functions, flags, tests.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "base/file_io.h"
#include "support/paths.h"

namespace echo {
namespace {

namespace fs = std::filesystem;
using testing::IsEmpty;

bool matches(const std::string& text, const char* pattern) {
  return std::regex_match(text, std::regex(pattern));
}

// The sources, read once.
class Sources {
 public:
  Sources() {
    for (const char* folder : {"/src", "/apps", "/bench", "/tests"}) {
      for (auto item = fs::recursive_directory_iterator(source_path(folder));
           item != fs::recursive_directory_iterator(); ++item) {
        const std::string name = item->path().filename();
        // Of the clients that tests install.
        if (name == "venv" || name == "node_modules") item.disable_recursion_pending();
        if (item->is_regular_file()) add(item->path(), std::string(folder) == "/tests");
      }
    }
  }

  bool has_file(const std::string& name) const {
    if (name.find('/') == name.npos) return file_names_.count(name) > 0;
    for (const char* root : {"/", "/src/", "/tests/"}) {
      if (fs::exists(source_path(root + name))) return true;
    }
    return false;
  }
  bool has_word(const std::string& word) const { return words_.count(word) > 0; }
  bool has_text(const std::string& text) const { return code_.find(text) != code_.npos; }

  // Whether a class or namespace declares a member of that name, in the header that declares the
  // class.
  bool has_member(const std::string& owner, const std::string& member) const {
    if (has_text(owner + "::" + member)) return true;
    const std::regex declared("(class|struct|enum class) (\\w+\\(.*\\) )?" + owner + "\\b[^;]*\\{");
    const std::regex named("\\b" + member + "\\b");
    for (const std::string& header : headers_) {
      std::smatch found;
      if (header.find(owner) != header.npos && std::regex_search(header, found, declared) &&
          std::regex_search(found.suffix().first, header.end(), named)) {
        return true;
      }
    }
    return false;
  }

  // `name` may end in "*".
  bool has_test(const std::string& suite, std::string name) const {
    const bool prefix = name.ends_with('*');
    if (prefix) name.pop_back();
    const std::regex test("TEST(_F|_P)?\\(\\s*" + suite + ",\\s*" + name + (prefix ? "" : "\\)"));
    return std::regex_search(tests_, test);
  }

 private:
  void add(const fs::path& path, bool test) {
    file_names_.insert(path.filename());
    words_.insert(path.stem());
    const std::string suffix = path.extension();
    if (suffix != ".h" && suffix != ".cc" && suffix != ".cu" && suffix != ".cuh") return;
    std::string text = read_file(path);
    const bool shared = path.parent_path().filename() == "support";
    if (test && !shared) {
      for (size_t at = text.find("TEST"); at != text.npos; at = text.find("TEST", at + 1)) {
        tests_ += text.substr(at, 160) + "\n";
      }
      return;
    }
    std::string word;
    for (const char c : text + " ") {
      if (std::isalnum(static_cast<unsigned char>(c)) || c == '_') {
        word += c;
      } else if (!word.empty()) {
        words_.insert(std::move(word));
        word.clear();
      }
    }
    code_ += text;
    if (suffix != ".cc") headers_.push_back(std::move(text));
  }

  std::set<std::string> file_names_, words_;
  std::vector<std::string> headers_;
  std::string code_, tests_;
};

// What is wrong with a name, or nothing. What is no name of one of these kinds is not looked at.
std::string complaint(const Sources& sources, std::string name, std::string& suite) {
  static const char* kTest = "[A-Z]\\w+\\.\\w+\\*?";
  static const char* kTestOfSuite = "[MS]\\d\\w*\\*";
  static const char* kPath = "(\\.?[\\w-]+/)+[\\w.-]*|\\w+\\.(h|cc|cu|cuh)";
  static const char* kFlag = "--[a-z][\\w-]+";
  static const char* kMember = "(\\w+::)+~?\\w+(\\(\\))?";
  static const char* kFunction = "\\w+\\(\\)";
  static const char* kWord = "\\w*[A-Z_]\\w*";  // others may be just words
  // They stand for any, for a number in a list, for a type of content.
  if (matches(name, ".*\\b(FOLDER|FILE|NAME|TARGET|CamelCase|trailing_|kName)\\b.*")) return "";
  if (matches(name, "[MS]\\d+|application/.*")) return "";
  if (matches(name, kPath)) return sources.has_file(name) ? "" : "no such file";
  if (matches(name, kTest)) {
    suite = name.substr(0, name.find('.'));
    return sources.has_test(suite, name.substr(suite.size() + 1)) ? "" : "no such test";
  }
  if (matches(name, kTestOfSuite)) return sources.has_test(suite, name) ? "" : "no such test";
  if (matches(name, kFlag)) return sources.has_text(name.substr(2)) ? "" : "no such flag";
  if (name.ends_with("()")) name.resize(name.size() - 2);
  if (name.starts_with("std::")) return "";
  if (matches(name, kMember)) {
    const size_t last = name.rfind("::");
    const size_t before = name.rfind("::", last - 1);
    const std::string owner = name.substr(before == name.npos ? 0 : before + 2,
                                          last - (before == name.npos ? 0 : before + 2));
    const std::string member = name.substr(last + 2);
    if (owner == "echo" || fs::exists(source_path("/src/" + owner))) {
      return sources.has_word(member) ? "" : "no such name";
    }
    return sources.has_member(owner, member) ? "" : "no such member";
  }
  if (matches(name, kFunction) || matches(name, kWord)) {
    const bool there = sources.has_word(name) || fs::exists(source_path("/" + name)) ||
                       sources.has_test(name, "*");
    return there ? "" : "no such name";
  }
  return "";
}

std::vector<std::string> complaints_of(const std::string& document) {
  static const Sources sources;
  std::vector<std::string> complaints;
  std::istringstream text(read_file(source_path("/" + document)));
  bool in_block = false;
  std::string line, suite;
  for (int number = 1; std::getline(text, line); ++number) {
    if (line.starts_with("```")) in_block = !in_block;
    if (in_block) continue;
    for (size_t at = line.find('`'); at != line.npos; at = line.find('`', at + 1)) {
      const size_t end = line.find('`', at + 1);
      if (end == line.npos) break;
      const std::string name = line.substr(at + 1, end - at - 1);
      const std::string wrong = complaint(sources, name, suite);
      if (!wrong.empty()) {
        complaints.push_back(document + ":" + std::to_string(number) + ": " + name + ": " + wrong);
      }
      at = end;
    }
  }
  return complaints;
}

TEST(Documents, NameWhatIsThere) {
  for (const char* document : {"docs/architecture.md", "CONTRIBUTING.md", "docs/runpod.md"}) {
    EXPECT_THAT(complaints_of(document), IsEmpty());
  }
}

// But for comparisons and measurements, the engine's callers include no header of its inside.
TEST(Documents, TheEngineShowsTheHeadersThatItIsSaidTo) {
  const std::string text = read_file(source_path("/docs/architecture.md"));
  const size_t begin = text.find("`engine/` shows its callers");
  ASSERT_NE(begin, text.npos);
  const std::string sentence =
      text.substr(begin, text.find(". The others are its inside", begin) - begin);
  std::set<std::string> shown, included;
  const std::regex name("`(\\w+\\.h)`"), include("#include \"engine/(\\w+\\.h)\"");
  for (std::sregex_iterator one(sentence.begin(), sentence.end(), name), end; one != end; ++one) {
    shown.insert((*one)[1]);
  }
  for (const char* folder : {"/src", "/apps"}) {
    for (auto item = fs::recursive_directory_iterator(source_path(folder));
         item != fs::recursive_directory_iterator(); ++item) {
      const std::string path = item->path();
      const std::string below = path.substr(source_path().size());
      if (below == "/src/engine" || below == "/src/parity" || below == "/apps/device_check") {
        item.disable_recursion_pending();
      }
      if (!item->is_regular_file()) continue;
      const std::string source = read_file(path);
      for (std::sregex_iterator one(source.begin(), source.end(), include), end; one != end;
           ++one) {
        included.insert((*one)[1]);
      }
    }
  }
  EXPECT_EQ(included, shown);
}

TEST(Documents, ANameThatIsNotThereIsSeen) {
  const Sources sources;
  std::string suite;
  for (const char* good :
       {"src/engine/plan.h", "engine/plan.h", "plan.h", "src/engine", "scripts/setup", "JobBook",
        "JobBook::submit", "server::JobBook", "Engine::start()", "Documents.NameWhat*", "--model",
        "std::stop_token", "call_handler()", "two words", "tests/FOLDER/FILE_test.cc"}) {
    EXPECT_EQ(complaint(sources, good, suite), "") << good;
  }
  for (const char* bad :
       {"src/engine/plane.h", "engine/plan.x", "plane.h", "src/motor", "JobBookshelf",
        "JobBook::deliver", "server::JobShelf", "Engine::begin_at()", "Documents.NameNothing",
        "Document.NameWhat*", "--no-such-flag", "call_no_handler()"}) {
    EXPECT_NE(complaint(sources, bad, suite), "") << bad;
  }
}

}  // namespace
}  // namespace echo
