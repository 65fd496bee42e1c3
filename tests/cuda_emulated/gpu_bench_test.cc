// The GPU's bench on the emulated device: what it measures is there, and nothing is left out.
#include "bench/gpu_bench.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "checkpoint/random_checkpoint.h"
#include "devices/devices.h"
#include "support/temp_dir.h"
#include "support/thrown_error.h"

namespace echo::bench {
namespace {

using testing::HasSubstr;

GpuBenchOptions small_options(const std::filesystem::path& model) {
  GpuBenchOptions options;
  options.model = model;
  options.device.kinds = {cuda_device()};
  options.device.name = "cuda";
  options.device.cuda_module = ECHO_CUDA_EMULATED_MODULE;
  options.device.batch_width = 1;
  options.precision = Precision::kBFloat16;
  options.codec_precision = Precision::kBFloat16;
  options.repetitions = 1;
  options.warm_ups = 0;
  options.frames = 2;
  options.text_tokens = 12;
  options.voice_seconds = 0.2;
  options.num_steps = 1;
  options.requests_at_once = 2;
  options.first_blocks = {20, 1};
  options.rate_side = 64;
  return options;
}

TEST(BenchOnEmulatedGpu, MeasuresEveryStageAndRequest) {
  const TempDir folder;
  RandomCheckpointOptions checkpoint;
  checkpoint.size = ModelSize::kTiny;
  write_random_checkpoint(folder / "model", checkpoint);
  std::vector<std::string> told;
  const GpuBenchResult result = run_gpu_bench(
      small_options(folder / "model"), [&](const std::string& what) { told.push_back(what); });
  EXPECT_EQ(result.precision, "bfloat16");
  EXPECT_EQ(result.codec_precision, "bfloat16");
  EXPECT_GT(result.matmul_flops, 0);
  EXPECT_GT(result.copy_bytes, 0);
  EXPECT_GT(result.load_seconds, 0);
  EXPECT_GT(result.weights_bytes, 0);
  EXPECT_GE(result.most_bytes, result.weights_bytes);
  EXPECT_GT(result.throughput_gain, 0);
  // All 20 frames of the first block are certain when it ends.
  EXPECT_NEAR(result.first_audio_length, 20 * 2048 / 44100.0, 1e-9);

  std::vector<std::string> names;
  for (const Measurement& measured : result.measurements) {
    names.push_back(measured.name);
    EXPECT_GT(measured.seconds, 0) << measured.name;
    const std::string line = measured.name + ": ";
    EXPECT_TRUE(std::any_of(told.begin(), told.end(), [&](const std::string& text) {
      return text.starts_with(line);
    })) << measured.name;
  }
  EXPECT_EQ(names, (std::vector<std::string>{
                       "one request, 1 steps", "2 requests at once",
                       "first audio, blocks 20 1 x 1 steps", "text encoder, 12 tokens",
                       "speaker encoder, 4 frames", "step, 1 sequence", "step, 3 sequences",
                       "step, 12 sequences", "encode a voice", "decode 20 frames", "decode 2 frames"}));
  for (const char* stage : {"step, 1 sequence", "step, 3 sequences", "encode a voice", "decode 2 frames"}) {
    EXPECT_TRUE(std::any_of(result.roofline.begin(), result.roofline.end(),
                            [&](const RooflineLine& line) {
                              return line.stage == stage && line.seconds > 0 && line.attainable > 0;
                            }))
        << stage;
  }

  const std::string table = result.table();
  EXPECT_THAT(table, HasSubstr("\naims, bfloat16 (an H100 and the full-size model):\n"));
  EXPECT_EQ(result.aims.size(), 8u);
  for (const Aim& aim : result.aims) {
    EXPECT_THAT(table, HasSubstr("\n  " + aim.name + " "));
    EXPECT_GT(aim.reached, 0) << aim.name;
    EXPECT_GT(aim.aim, 0) << aim.name;
  }
  const nlohmann::json json = result.json();
  EXPECT_EQ(json.at("stages").size(), names.size());
  EXPECT_EQ(json.at("aims").size(), result.aims.size());
}

TEST(BenchOnEmulatedGpu, APartThatFailsLeavesWhatTheOtherMeasured) {
  const TempDir folder;
  RandomCheckpointOptions checkpoint;
  checkpoint.size = ModelSize::kTiny;
  write_random_checkpoint(folder / "model", checkpoint);
  GpuBenchOptions options = small_options(folder / "model");
  options.stages = false;
  options.first_blocks = {1000};  // more frames than the model knows
  const GpuBenchResult result = run_gpu_bench(options, [](const std::string&) {});
  ASSERT_EQ(result.problems.size(), 1u);
  EXPECT_TRUE(result.problems[0].starts_with("requests: block_sizes: ")) << result.problems[0];
  EXPECT_EQ(result.measurements.size(), 2u);
  EXPECT_THAT(result.table(), HasSubstr("NOT MEASURED to the end: requests: block_sizes: "));
  EXPECT_EQ(result.json().at("problems").size(), 1u);
}

TEST(BenchOnEmulatedGpu, WithoutAModelIsAnError) {
  const TempDir folder;
  const GpuBenchOptions options = small_options(folder / "nowhere");
  const Error error = error_of([&] { run_gpu_bench(options, [](const std::string&) {}); });
  EXPECT_EQ(error.code(), ErrorCode::kNotFound);
  EXPECT_THAT(error.what(), HasSubstr("nowhere"));
}

TEST(BenchAims, AreMetOrNot) {
  EXPECT_TRUE((Aim{"step", "ms", 12, 12}).met());
  EXPECT_FALSE((Aim{"step", "ms", 12.1, 12}).met());
  EXPECT_TRUE((Aim{"gain", "x", 1.4, 1.4, true}).met());
  EXPECT_FALSE((Aim{"gain", "x", 1.3, 1.4, true}).met());
  GpuBenchResult result;
  result.precision = "fp8";
  result.aims = {{"step", "ms", 12.1, 12}, {"gain", "x", 1.5, 1.4, true}};
  const std::string table = result.table();
  EXPECT_THAT(table, HasSubstr("12.10 ms <=  12.00 ms  MISSED\n"));
  EXPECT_THAT(table, HasSubstr("1.50 x  >=   1.40 x   met\n"));
}

}  // namespace
}  // namespace echo::bench
