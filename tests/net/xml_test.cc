#include "net/xml.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace echo {
namespace {

using testing::ElementsAre;

TEST(Xml, TextOfTheFirstElement) {
  const char xml[] =
      "<?xml version=\"1.0\"?><Error xmlns='x'><CodeX>no</CodeX><Code>A &amp; B &#x41;&#228;</Code>"
      "<Message/><Code>other</Code></Error>";
  EXPECT_EQ(xml_text(xml, "Code"), "A & B A\xc3\xa4");
  EXPECT_EQ(xml_text(xml, "Message"), "");
  EXPECT_EQ(xml_text(xml, "Absent"), std::nullopt);
}

TEST(Xml, BrokenTextIsNoElement) {
  for (const char* xml : {"", "<", "<Code", "<Code>", "<Code>abc", "<Code>abc</Cod", "Code"}) {
    EXPECT_EQ(xml_text(xml, "Code"), std::nullopt) << xml;
  }
  EXPECT_EQ(xml_text("<Code>&bogus; &#xzz; &</Code>", "Code"), "&bogus; &#xzz; &");
}

TEST(Xml, ElementsStayAsTheyAre) {
  EXPECT_THAT(
      xml_elements("<L><Rule a='1'><ID>1&lt;</ID></Rule> <Rule/><Rules>x</Rules></L>", "Rule"),
      ElementsAre("<Rule a='1'><ID>1&lt;</ID></Rule>", "<Rule/>"));
}

TEST(Xml, PrefixesSayNothing) {
  const char xml[] =
      "<?xml a:b?><!-- <a:x> --><s3:L xmlns:s3='u:v'><s3:Rule k:i=\"1\"><s3:ID>a:b</s3:ID>"
      "<s3:Empty/><![CDATA[<c:d>]]></s3:Rule><Rule>2</Rule></s3:L>";
  EXPECT_EQ(xml_without_prefixes(xml),
            "<?xml a:b?><!-- <a:x> --><L xmlns:s3='u:v'><Rule k:i=\"1\"><ID>a:b</ID>"
            "<Empty/><![CDATA[<c:d>]]></Rule><Rule>2</Rule></L>");
  EXPECT_EQ(xml_text(xml, "ID"), "a:b");
  EXPECT_THAT(xml_elements(xml, "Rule"),
              ElementsAre("<Rule k:i=\"1\"><ID>a:b</ID><Empty/><![CDATA[<c:d>]]></Rule>",
                          "<Rule>2</Rule>"));
  for (const char* broken : {"<", "</", "<a:", "</a:b", "<!--", "<![CDATA[", "a:b", "<a:b<c:d>"}) {
    xml_without_prefixes(broken);
  }
}

TEST(Xml, EscapesMarkup) { EXPECT_EQ(xml_escape("a<b>&\"c"), "a&lt;b&gt;&amp;&quot;c"); }

}  // namespace
}  // namespace echo
