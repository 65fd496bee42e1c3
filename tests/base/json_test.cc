#include "base/json.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace echo {
namespace {

TEST(Json, ErrorsQuoteNothing) {
  try {
    parse_json("{\"secret-canary\" 1}");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCorrupt);
    EXPECT_EQ(std::string(error.what()).find("canary"), std::string::npos);
  }
}

TEST(Json, ValuesAreCountedBeforeTheyAreMade) {
  EXPECT_NO_THROW(parse_json(R"({"a": [1, 2, {"b": "x,[{"}]})", 10));
  std::string many = "[";
  for (int i = 0; i < 1'000'000; ++i) many += i == 0 ? "{}" : ",{}";
  many += "]";
  EXPECT_THROW(parse_json(many, 100'000), Error);
  EXPECT_THROW(parse_json("[[[[[[]]]]]]", 5), Error);
  EXPECT_NO_THROW(parse_json("\"" + std::string(100'000, ',') + "\"", 5)) << "in a string";
}

TEST(Json, WhatADocumentTakesIsMoreThanItsText) {
  EXPECT_GE(held_bytes(Json("x")), sizeof(Json) + sizeof(std::string));
  EXPECT_GE(held_bytes(Json(std::string(1'000'000, 'x'))), 1'000'000u);
  EXPECT_LT(held_bytes(Json(std::string(1'000'000, 'x'))), 1'001'000u);
  Json list = Json::array();
  for (int i = 0; i < 1'000; ++i) list.push_back(Json::object());
  EXPECT_GE(held_bytes(list), 1'000 * (sizeof(Json) + sizeof(Json::object_t)));
  Json object;
  for (int i = 0; i < 1'000; ++i) object[std::string(100, 'k') + std::to_string(i)] = i;
  EXPECT_GE(held_bytes(object), 1'000 * (100 + sizeof(Json) + sizeof(std::string)));
}

}  // namespace
}  // namespace echo
