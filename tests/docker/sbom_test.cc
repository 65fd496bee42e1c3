// The bill of materials against the system's own account of the program.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "base/file_io.h"
#include "support/paths.h"
#include "support/subprocess.h"
#include "support/temp_dir.h"

namespace echo {
namespace {

using nlohmann::json;

const std::string kScript = source_path("/scripts/sbom");

const json& document() {
  static const json made = [] {
    ProcessOptions options;
    options.environment = {"SOURCE_DATE_EPOCH=1700000000"};
    const ProcessResult result =
        run_process({kScript, "--build", build_path(), program_path()}, options);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return json::parse(result.out);
  }();
  return made;
}

// Names of the packages in a relationship to the program.
std::set<std::string> packages(const std::string& kind) {
  std::map<std::string, std::string> names;
  for (const json& package : document().at("packages")) {
    names[package.at("SPDXID")] = package.at("name");
  }
  std::set<std::string> found;
  for (const json& relation : document().at("relationships")) {
    if (relation.at("relationshipType") != kind) continue;
    const bool links = kind == "DYNAMIC_LINK";
    const std::string other = relation.at(links ? "relatedSpdxElement" : "spdxElementId");
    EXPECT_EQ(names.count(other), 1U) << other;
    found.insert(names[other]);
  }
  return found;
}

TEST(Sbom, IsAnSpdxDocumentOfTheProgram) {
  const json& d = document();
  EXPECT_EQ(d.at("spdxVersion"), "SPDX-2.3");
  EXPECT_EQ(d.at("dataLicense"), "CC0-1.0");
  EXPECT_EQ(d.at("SPDXID"), "SPDXRef-DOCUMENT");
  EXPECT_EQ(d.at("creationInfo").at("created"), "2023-11-14T22:13:20Z");
  EXPECT_FALSE(d.at("creationInfo").at("creators").empty());
  const ProcessResult sum = run_process({"/usr/bin/sha256sum", program_path()});
  const json& file = d.at("files").at(0);
  EXPECT_EQ(file.at("fileName"), "./echo-tts");
  EXPECT_EQ(file.at("checksums").at(0).at("checksumValue"), sum.out.substr(0, 64));
  EXPECT_NE(d.at("documentNamespace").get<std::string>().find(sum.out.substr(0, 64)),
            std::string::npos);
}

TEST(Sbom, EveryElementIsNamedOnceAndEveryRelationEndsAtOne) {
  std::set<std::string> ids = {"SPDXRef-DOCUMENT"};
  for (const char* list : {"packages", "files"}) {
    for (const json& element : document().at(list)) {
      const std::string id = element.at("SPDXID");
      EXPECT_EQ(id.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                     "0123456789.-"),
                std::string::npos)
          << id;
      EXPECT_TRUE(ids.insert(id).second) << id;
    }
  }
  for (const json& relation : document().at("relationships")) {
    EXPECT_EQ(ids.count(relation.at("spdxElementId")), 1U);
    EXPECT_EQ(ids.count(relation.at("relatedSpdxElement")), 1U);
  }
}

TEST(Sbom, HoldsThePackageOfEveryLibraryThatTheProgramNeeds) {
  const ProcessResult needed = run_process(
      {"/bin/sh", "-c",
       "ldd " + program_path() + " | awk '$3 ~ /^\\// { print $3 }' | xargs readlink -f | sort -u"});
  ASSERT_EQ(needed.exit_code, 0) << needed.err;
  std::set<std::string> all = packages("DYNAMIC_LINK");
  const std::set<std::string> indirect = packages("RUNTIME_DEPENDENCY_OF");
  all.insert(indirect.begin(), indirect.end());
  std::istringstream paths(needed.out);
  int checked = 0;
  for (std::string path; std::getline(paths, path);) {
    ProcessResult owner = run_process({"/usr/bin/dpkg-query", "-S", path});
    if (owner.exit_code != 0 && path.rfind("/usr", 0) == 0) {
      owner = run_process({"/usr/bin/dpkg-query", "-S", path.substr(4)});
    }
    if (owner.exit_code != 0) continue;  // a library that is no package's
    EXPECT_EQ(all.count(owner.out.substr(0, owner.out.find(':'))), 1U) << path;
    ++checked;
  }
  EXPECT_GT(checked, 20);
}

TEST(Sbom, TellsDirectFromIndirectAndFromWhatIsCompiledIn) {
  const std::set<std::string> direct = packages("DYNAMIC_LINK");
  const std::set<std::string> indirect = packages("RUNTIME_DEPENDENCY_OF");
  const std::set<std::string> headers = packages("BUILD_DEPENDENCY_OF");
  EXPECT_EQ(direct.count("libc6"), 1U);
  EXPECT_EQ(headers.count("nlohmann-json3-dev"), 1U);
  EXPECT_EQ(headers.count("libgtest-dev"), 0U) << "tests are not in the program";
  for (const std::string& name : direct) EXPECT_EQ(indirect.count(name), 0U) << name;
}

TEST(Sbom, PackagesHaveTheInstalledVersionAndAPackageUrl) {
  int checked = 0;
  for (const json& package : document().at("packages")) {
    if (package.at("name") == "echo-tts") continue;
    const std::string url = package.at("externalRefs").at(0).at("referenceLocator");
    EXPECT_EQ(url.rfind("pkg:deb/", 0), 0U) << url;
    EXPECT_EQ(url.find_first_of(" +\""), std::string::npos) << url;
    if (package.at("name") != "libc6" && package.at("name") != "zlib1g") continue;
    const ProcessResult version = run_process(
        {"/usr/bin/dpkg-query", "-W", "-f", "${Version}", package.at("name").get<std::string>()});
    EXPECT_EQ(package.at("versionInfo"), version.out);
    ++checked;
  }
  EXPECT_EQ(checked, 2);
}

TEST(Sbom, RefusesWhatItCannotRead) {
  EXPECT_EQ(run_process({kScript}).exit_code, 2);
  const ProcessResult missing = run_process({kScript, "/no/such/file"});
  EXPECT_EQ(missing.exit_code, 1);
  EXPECT_NE(missing.err.find("/no/such/file"), std::string::npos);
}

}  // namespace
}  // namespace echo
