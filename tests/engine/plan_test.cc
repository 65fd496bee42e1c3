#include "engine/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "checkpoint/random_checkpoint.h"

namespace echo {
namespace {

using testing::HasSubstr;

constexpr uint64_t kGiB = uint64_t{1} << 30;
constexpr int64_t kMaxOnGpu = 8;

PlanModel published() {
  return plan_model(echo_dit_config(ModelSize::kFull), s1_dac_config(ModelSize::kFull), 4);
}

PlanDevice gpu(double gib, bool int8 = true) {
  // What is left of a card's memory when a context has been made.
  return {"cuda", static_cast<uint64_t>((gib - 0.4) * static_cast<double>(kGiB)), kMaxOnGpu, true,
          int8};
}
PlanDevice cpu(double gib, bool bfloat16 = true) {
  return {"cpu", static_cast<uint64_t>(gib * static_cast<double>(kGiB)), 1, bfloat16, false};
}

TEST(PlanModelTest, SizesAreThoseOfThePublishedModel) {
  const PlanModel model = published();
  EXPECT_EQ(model.dit_values, 2'380'828'496u);
  EXPECT_EQ(model.dit_values + model.blockwise_values, 2'800'742'736u);
  EXPECT_GT(model.codec_values, 390'000'000u);
  EXPECT_LT(model.codec_values, 391'500'000u) << "folded";
  EXPECT_GT(model.dit_wide_values, model.dit_values / 10);
  EXPECT_LT(model.dit_wide_values, model.dit_values / 2);
}

struct Row {
  const char* name;
  PlanDevice device;
  Precision precision, codec;
  int64_t least_width, most_width;
};

class PlanTable : public ::testing::TestWithParam<Row> {};

TEST_P(PlanTable, FitsTheDevice) {
  const Row& row = GetParam();
  const PlanModel model = published();
  const Plan plan = make_plan(row.device, model, {});
  EXPECT_EQ(plan.precision, row.precision);
  EXPECT_EQ(plan.codec_precision, row.codec);
  EXPECT_GE(plan.batch_width, row.least_width);
  EXPECT_LE(plan.batch_width, row.most_width);
  EXPECT_GT(plan.voice_cache_bytes, 0u);
  const uint64_t others = static_cast<uint64_t>(plan.batch_width - 1) * model.trajectory_bytes;
  EXPECT_LE(plan.needed_bytes + others, row.device.memory_bytes);
  EXPECT_EQ(plan.reasons.size(), 5u);
}

INSTANTIATE_TEST_SUITE_P(
    Devices, PlanTable,
    ::testing::Values(Row{"gpu_6", gpu(6), Precision::kInt8, Precision::kBFloat16, 1, 2},
                      Row{"gpu_8", gpu(8), Precision::kBFloat16, Precision::kBFloat16, 1, 2},
                      Row{"gpu_10", gpu(10), Precision::kBFloat16, Precision::kBFloat16, 2, 5},
                      Row{"gpu_12", gpu(12), Precision::kBFloat16, Precision::kBFloat16, 3, 7},
                      Row{"gpu_16", gpu(16), Precision::kBFloat16, Precision::kBFloat16, 6, 8},
                      Row{"gpu_24", gpu(24), Precision::kBFloat16, Precision::kBFloat16, 8, 8},
                      Row{"gpu_48", gpu(48), Precision::kBFloat16, Precision::kBFloat16, 8, 8},
                      Row{"gpu_80", gpu(80), Precision::kBFloat16, Precision::kBFloat16, 8, 8},
                      Row{"gpu_24_without_int8", gpu(24, false), Precision::kBFloat16,
                          Precision::kBFloat16, 8, 8},
                      Row{"cpu_6_5", cpu(6.5), Precision::kBFloat16, Precision::kBFloat16, 1, 1},
                      Row{"cpu_8", cpu(8), Precision::kBFloat16, Precision::kFloat32, 1, 1},
                      Row{"cpu_64", cpu(64), Precision::kBFloat16, Precision::kFloat32, 1, 1},
                      Row{"cpu_16_without_bf16", cpu(16, false), Precision::kFloat32,
                          Precision::kFloat32, 1, 1}),
    [](const auto& test) { return test.param.name; });

std::string refusal(const PlanDevice& device, const PlanRequest& request = {}) {
  try {
    make_plan(device, published(), request);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnavailable);
    return error.what();
  }
  ADD_FAILURE() << "was accepted";
  return "";
}

TEST(PlanTest, TooLittleMemoryIsRefusedWithTheFigures) {
  EXPECT_THAT(refusal(gpu(4)), HasSubstr("found 3.9 GB of memory, expected"));
  EXPECT_THAT(refusal(gpu(6, false)), HasSubstr("keeps no int8 weights"));
  EXPECT_THAT(refusal(cpu(4)), HasSubstr("on cpu: found 4.3 GB"));
  EXPECT_THAT(refusal(cpu(8, false)), HasSubstr("float32"));
  PlanRequest bf16;
  bf16.precision = Precision::kBFloat16;
  EXPECT_THAT(refusal(gpu(6), bf16), HasSubstr("transformer in bf16"));
}

TEST(PlanTest, EveryChoiceCanBeForced) {
  PlanRequest request;
  request.precision = Precision::kFloat8;
  request.codec_precision = Precision::kFloat32;
  request.batch_width = 3;
  request.voice_cache_bytes = 7;
  request.schedule_cache_bytes = 9;
  const Plan plan = make_plan(gpu(24), published(), request);
  EXPECT_EQ(plan.precision, Precision::kFloat8);
  EXPECT_EQ(plan.codec_precision, Precision::kFloat32);
  EXPECT_EQ(plan.batch_width, 3);
  EXPECT_EQ(plan.voice_cache_bytes, 7u);
  EXPECT_EQ(plan.schedule_cache_bytes, 9u);
  for (size_t i = 1; i + 1 < plan.reasons.size(); ++i) {
    EXPECT_THAT(plan.reasons[i], HasSubstr(": set"));
  }
}

TEST(PlanTest, AProcessorWithoutInt8SaysSoAndKeepsWhatItHas) {
  PlanRequest int8;
  int8.precision = Precision::kInt8;
  PlanDevice cpu{"cpu", 24 * kGiB, 1, true, true};
  EXPECT_EQ(make_plan(cpu, published(), int8).precision, Precision::kInt8);
  cpu.int8 = false;
  const Plan plan = make_plan(cpu, published(), int8);
  EXPECT_EQ(plan.precision, Precision::kBFloat16);
  EXPECT_THAT(plan.reasons[1], HasSubstr("transformer in bf16: int8 was asked for, and needs"));
  cpu.bfloat16 = false;
  EXPECT_EQ(make_plan(cpu, published(), int8).precision, Precision::kFloat32);
}

TEST(PlanTest, AModelThatIsPackedInInt8IsComputedSoWhereThatIsPossible) {
  PlanModel packed = published();
  packed.dit_int8 = true;
  PlanDevice device = cpu(64);
  device.int8 = true;
  const Plan plan = make_plan(device, packed, {});
  EXPECT_EQ(plan.precision, Precision::kInt8);
  EXPECT_THAT(plan.reasons[1], HasSubstr("transformer in int8: packed so"));
  PlanRequest wide;
  wide.precision = Precision::kBFloat16;
  EXPECT_EQ(make_plan(device, packed, wide).precision, Precision::kBFloat16);
  device.int8 = false;
  const Plan without = make_plan(device, packed, {});
  EXPECT_EQ(without.precision, Precision::kBFloat16);
  EXPECT_THAT(without.reasons[1], HasSubstr("transformer in bf16: packed in int8, which needs"));
}

TEST(PlanTest, AShareOfTheMemoryCanBeAsked) {
  PlanRequest share;
  share.memory_bytes = 6 * kGiB;
  const Plan plan = make_plan(gpu(80), published(), share);
  EXPECT_EQ(plan.precision, Precision::kInt8);
  EXPECT_LE(plan.needed_bytes, share.memory_bytes);
  EXPECT_THAT(plan.reasons[0], HasSubstr("(set)"));
}

TEST(PlanTest, UnknownMemoryIsTakenForEnough) {
  const Plan plan = make_plan({"cuda", 0, kMaxOnGpu, true, true}, published(), {});
  EXPECT_EQ(plan.precision, Precision::kBFloat16);
  EXPECT_EQ(plan.batch_width, kMaxOnGpu);
  EXPECT_EQ(plan.voice_cache_bytes, size_t{512} << 20);
}

TEST(PlanTest, CachesLeaveRoomForTheBlockwisePart) {
  PlanModel without = published();
  without.blockwise_values = 0;
  EXPECT_LT(make_plan(gpu(10), published(), {}).voice_cache_bytes,
            make_plan(gpu(10), without, {}).voice_cache_bytes);
}

TEST(PlanTest, AFloat32CheckpointStaysSo) {
  PlanModel model = published();
  model.dit_bfloat16 = false;
  const Plan plan = make_plan(gpu(24), model, {});
  EXPECT_EQ(plan.precision, Precision::kFloat32);
  EXPECT_EQ(plan.codec_precision, Precision::kFloat32);
}

TEST(PlanTest, MoreMemoryNeverGivesLess) {
  Plan last;
  for (double gib = 7.5; gib < 90; gib += 0.5) {
    const Plan plan = make_plan(gpu(gib), published(), {});
    EXPECT_GE(plan.batch_width, last.batch_width) << gib;
    EXPECT_GE(plan.schedule_cache_bytes, last.schedule_cache_bytes) << gib;
    last = plan;
  }
}

}  // namespace
}  // namespace echo
