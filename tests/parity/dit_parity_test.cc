#include "parity/dit_parity.h"

#include <gtest/gtest.h>

#include "cpu/cpu_backend.h"
#include "support/golden.h"

namespace echo::parity {
namespace {

TEST(GoldenDit, TinyFloat32) {
  const GoldenSet& set = golden("tiny");
  const auto backend = cpu::make_cpu_backend();
  const EchoDit dit({*backend, DType::kFloat32}, Weights(set.file("dit")), true);
  Report report;
  check_conditioning(set, dit, report);
  check_forward(set, dit, report);
  EXPECT_TRUE(report.passed()) << report.table();
  std::printf("%s", report.table().c_str());
}

TEST(GoldenDit, TinyBf16CheckpointInFloat32) {
  const GoldenSet& set = golden("tiny-bf16");
  const auto backend = cpu::make_cpu_backend();
  const EchoDit dit({*backend, DType::kFloat32}, Weights(set.file("dit")), true);
  Report report;
  check_bf16_forward(set, dit, false, report);
  EXPECT_TRUE(report.passed()) << report.table();
  std::printf("%s", report.table().c_str());
}

TEST(GoldenDit, TinyBf16CheckpointInBFloat16) {
  const GoldenSet& set = golden("tiny-bf16");
  const auto backend = cpu::make_cpu_backend();
  const DType precision = backend->compute_dtype(DType::kBFloat16);
  const EchoDit dit({*backend, precision}, Weights(set.file("dit")), true);
  Report report;
  check_bf16_forward(set, dit, true, report);
  EXPECT_TRUE(report.passed()) << report.table();
  std::printf("%s", report.table().c_str());
}

}  // namespace
}  // namespace echo::parity
