// The golden data of tests/golden, for tests.
#pragma once

#include <gtest/gtest.h>

#include <span>
#include <string_view>

#include "parity/golden_set.h"

namespace echo {

// tests/golden/NAME ("tiny", "tiny-bf16", "real-slice", "randn"), opened once per process.
const GoldenSet& golden(const char* name);

// Success when `computed` is within kFloat32Multiple times the noise floor of the recorded tensor;
// otherwise says which, how far, and the limit. For EXPECT_TRUE.
::testing::AssertionResult near_golden(const GoldenSet& set, std::string_view name,
                                       std::span<const float> computed);
// The same for a bfloat16 run, see GoldenSet::compare_bfloat16.
::testing::AssertionResult near_golden_bfloat16(const GoldenSet& set, std::string_view name,
                                                std::span<const float> computed);

}  // namespace echo
