// Forms with files: what is read, and what is refused.
#include "http/multipart.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "base/error.h"

namespace echo::http {
namespace {

using ::testing::HasSubstr;

std::string part(const std::string& head, const std::string& content) {
  return "--b\r\n" + head + "\r\n\r\n" + content + "\r\n";
}

std::string field(const std::string& name, const std::string& content) {
  return part("Content-Disposition: form-data; name=\"" + name + "\"", content);
}

std::string refusal(const std::string& body) {
  try {
    parse_form(body, "b");
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    return error.what();
  }
  return "";
}

TEST(Multipart, ReadsFieldsAndFilesInTheirOrder) {
  const std::string sound("RIFF\0\r\n--\r\n\r\n--c\r\n", 19);
  const std::string body = field("name", "Anna") +
                           part(
                               "content-disposition: FORM-DATA; name=\"audio_sample\"; "
                               "filename=\"a \\\"b\\\" c:\\d.wav\"\r\n"
                               "Content-Type: audio/wav\r\nContent-Transfer-Encoding: binary",
                               sound) +
                           field("empty", "") + "--b--\r\n";
  const std::vector<FormPart> form = parse_form(body, "b");
  ASSERT_EQ(form.size(), 3U);
  EXPECT_EQ(form[0].name, "name");
  EXPECT_EQ(form[0].content, "Anna");
  EXPECT_FALSE(form[0].filename);
  EXPECT_EQ(form[1].name, "audio_sample");
  EXPECT_EQ(form[1].filename, "a \"b\" c:\\d.wav");
  EXPECT_EQ(form[1].content_type, "audio/wav");
  EXPECT_EQ(form[1].content, sound);
  // It lies where it was: nothing is copied.
  EXPECT_GE(form[1].content.data(), body.data());
  EXPECT_LT(form[1].content.data(), body.data() + body.size());
  EXPECT_EQ(form[2].content, "");
  EXPECT_TRUE(parse_form("--b--", "b").empty());
}

TEST(Multipart, AContentMayShareItsLineEndWithTheBoundary) {
  const std::vector<FormPart> form =
      parse_form("--b\r\nContent-Disposition: form-data; name=x\r\n\r\n--b--", "b");
  ASSERT_EQ(form.size(), 1U);
  EXPECT_EQ(form[0].name, "x");
  EXPECT_EQ(form[0].content, "");
}

TEST(Multipart, FindsTheBoundary) {
  EXPECT_EQ(form_boundary("multipart/form-data; boundary=----WebKit7"), "----WebKit7");
  EXPECT_EQ(form_boundary("Multipart/Form-Data; charset=utf-8; BOUNDARY=\"a b:c\""), "a b:c");
  EXPECT_EQ(form_boundary("application/json"), std::nullopt);
  EXPECT_EQ(form_boundary("multipart/mixed; boundary=b"), std::nullopt);
  EXPECT_EQ(form_boundary(""), std::nullopt);
  for (const std::string& bad :
       {std::string("multipart/form-data"), std::string("multipart/form-data; boundary="),
        std::string("multipart/form-data; boundary=\"\""),
        "multipart/form-data; boundary=" + std::string(71, 'a'),
        std::string("multipart/form-data; boundary=\"a\xC3\xA4\""),
        std::string("multipart/form-data; boundary=\"a "),
        std::string("multipart/form-data; boundary=\"a \""),
        std::string("multipart/form-data; boundary=a; boundary=b")}) {
    EXPECT_THROW(form_boundary(bad), Error) << bad;
  }
}

TEST(Multipart, RefusesWhatIsNoForm) {
  const std::string good = field("name", "Anna");
  const std::pair<std::string, std::string> cases[] = {
      {"", "does not begin"},
      {"preamble\r\n" + good + "--b--", "does not begin"},
      {"\r\n" + good + "--b--", "does not begin"},
      {"--c" + good.substr(3) + "--c--", "does not begin"},
      {"--b", "is cut"},
      {"--b\r", "is cut"},
      {"--bc\r\n\r\n\r\n--b--", "boundary where none"},
      {good + "--b--\r\nepilogue", "goes on after its end"},
      {good + "--b-", "is cut"},
      {good + "--b-x", "boundary where none"},
      {good, "is cut"},
      {good.substr(0, good.size() - 3), "is cut"},
      {"--b\r\nContent-Disposition: form-data; name=\"x\"\r\n", "is cut"},
      {"--b\r\n\r\ncontent\r\n\r\n--b--", "no head"},
      {part("Content-Type: text/plain", "x") + "--b--", "without Content-Disposition"},
      {part("Content-Disposition: attachment; name=\"x\"", "x") + "--b--", "not form-data"},
      {part("Content-Disposition: form-data", "x") + "--b--", "not form-data"},
      {part("Content-Disposition: form-data; name=\"x", "x") + "--b--", "not form-data"},
      {part("Content-Disposition: form-data; name=\"x\"; name=\"y\"", "x") + "--b--",
       "not form-data"},
      {part("Content-Disposition: form-data; name=\"x\"\r\nContent-Disposition: form-data; "
            "name=\"y\"",
            "x") +
           "--b--",
       "not form-data"},
      {field("", "x") + "--b--", "name has 0 bytes"},
      {field(std::string(201, 'n'), "x") + "--b--", "name has 201 bytes"},
      {part("Content-Disposition: form-data; name=\"x\"\r\nContent-Transfer-Encoding: base64",
            "eA==") +
           "--b--",
       "is coded"},
      {part("Content-Disposition: form-data; name=\"x\"\r\nContent-Type: multipart/mixed; "
            "boundary=c",
            "x") +
           "--b--",
       "a form in a part"},
      {part("Content-Disposition form-data; name=\"x\"", "x") + "--b--", "no head"},
      {part("Content-Disposition: form-data; name=\"x\"\nX: y", "x") + "--b--", "no head"},
      {part(std::string("Content-Disposition: form-data; name=\"x\0\"", 40), "x") + "--b--",
       "no head"},
      {part("Content-Disposition: form-data; name=\"x\"\r\nX: " + std::string(4096, 'y'), "x") +
           "--b--",
       "more than 4096 bytes"},
  };
  for (const auto& [body, why] : cases) EXPECT_THAT(refusal(body), HasSubstr(why)) << body;

  std::string many;
  for (std::size_t i = 0; i <= kMaxFormParts; ++i) many += field("x", "y");
  EXPECT_THAT(refusal(many + "--b--"), HasSubstr("more than 32 parts"));
}

// Whatever is cut off or changed, the parser ends, reads nothing beyond, and invents no content.
TEST(Multipart, SurvivesCutAndMutatedBodies) {
  const std::string body = field("name", "Anna") +
                           part("Content-Disposition: form-data; name=\"f\"; filename=\"a.wav\"",
                                std::string(300, '\r') + "\r\n--" + std::string(50, 'b')) +
                           "--b--\r\n";
  for (std::size_t size = 0; size + 2 < body.size(); ++size) {
    EXPECT_NE(refusal(body.substr(0, size)), "") << size;
  }
  std::mt19937 random(1);
  for (int i = 0; i < 20'000; ++i) {
    std::string mutated = body;
    for (int change = 0; change < 3; ++change) {
      mutated[random() % mutated.size()] = "\r\n-b\"\\;: x"[random() % 10];
    }
    try {
      for (const FormPart& one : parse_form(mutated, "b")) {
        EXPECT_FALSE(one.name.empty());
        EXPECT_EQ(one.content.find("\r\n--b"), std::string_view::npos);
      }
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    }
  }
}

}  // namespace
}  // namespace echo::http
