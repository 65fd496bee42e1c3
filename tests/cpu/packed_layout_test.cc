// Matrices that are stored as oneDNN multiplies them.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "cpu/cpu_backend.h"
#include "tensor/blocked_layout.h"
#include "tensor/ops.h"

namespace echo::cpu {
namespace {

struct LayoutShape {
  int64_t out, in;
};

class PackedLayout : public ::testing::TestWithParam<LayoutShape> {
 protected:
  std::vector<float> values() const {
    std::vector<float> v(static_cast<size_t>(GetParam().out * GetParam().in));
    for (size_t i = 0; i < v.size(); ++i) v[i] = static_cast<float>(i * 7 % 251) / 64 - 2;
    return v;
  }
  // The product of a fixed input, on the host.
  std::vector<float> product(const PackedWeights& w) {
    std::vector<float> x(static_cast<size_t>(3 * w.in()));
    for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i % 13) / 8 - 0.5f;
    const Tensor input = cast(from_host(*backend_, x, 3, w.in()), w.dtype());
    return linear(input, w, Tensor(), DType::kFloat32).to_host();
  }
  std::unique_ptr<Backend> backend_ = make_cpu_backend({});
};

TEST_P(PackedLayout, AStoredCopyIsUsedInPlaceAndGivesTheSame) {
  const auto [out, in] = GetParam();
  const std::vector<float> host = values();
  for (const DType wanted : {DType::kFloat32, DType::kBFloat16}) {
    const DType precision = backend_->compute_dtype(wanted);
    const auto packed = backend_->pack({host.data(), DType::kFloat32, out, in}, 1, 1, precision);
    const std::string text = backend_->packed_layout(out, in, precision);
    if (text.empty()) GTEST_SKIP() << "this library's layout is not one of blocks";
    const BlockedLayout layout = BlockedLayout::parse(text);
    EXPECT_EQ(layout.out, out);
    EXPECT_EQ(layout.in, in);
    const std::span<const std::byte> bytes = backend_->packed_bytes(*packed);
    ASSERT_EQ(bytes.size(), static_cast<size_t>(layout.elements()) * dtype_size(precision));

    auto copy = std::make_shared<std::vector<std::byte>>(bytes.begin(), bytes.end());
    HostWeights stored{copy->data(), precision, out, in};
    stored.layout = text;
    stored.owner = copy;
    const auto again = backend_->pack(stored, 1, 1, precision);
    EXPECT_EQ(backend_->packed_bytes(*again).data(), copy->data()) << "in place";
    stored.owner.reset();
    std::weak_ptr<std::vector<std::byte>> watched = copy;
    copy.reset();
    EXPECT_FALSE(watched.expired()) << "the weights keep what they use";
    EXPECT_EQ(product(*again), product(*packed));

    // Any machine can read it.
    std::vector<std::byte> rows(static_cast<size_t>(out * in) * dtype_size(precision));
    unblock(layout, bytes, rows);
    const auto third = backend_->pack({rows.data(), precision, out, in}, 1, 1, precision);
    EXPECT_EQ(product(*third), product(*packed));
  }
}

TEST_P(PackedLayout, AnotherLayoutIsRefused) {
  const auto [out, in] = GetParam();
  const std::vector<float> host = values();
  HostWeights stored{host.data(), DType::kFloat32, out, in};
  stored.layout = "float32 1x1 strides 1,1 blocks ";
  EXPECT_THROW(backend_->pack(stored, 1, 1, DType::kFloat32), Error);
}

TEST_P(PackedLayout, AStoredCopyInEightBitsIsUsedInPlaceAndGivesTheSame) {
  const auto [out, in] = GetParam();
  if (!backend_->packs(DType::kInt8)) GTEST_SKIP() << "no products of 8 bits here";
  const std::string text = backend_->packed_layout(out, in, DType::kInt8);
  EXPECT_EQ(text.empty(), out % 32 != 0) << "only whole tiles of outputs";
  if (text.empty()) return;
  const std::vector<float> host = values();
  const HostWeights plain{host.data(), DType::kFloat32, out, in};
  const auto packed = backend_->pack(plain, 1, 1, DType::kInt8);
  const BlockedLayout layout = BlockedLayout::parse(text);
  const std::span<const std::byte> bytes = backend_->packed_bytes(*packed);
  ASSERT_EQ(bytes.size(), static_cast<size_t>(layout.bytes()));

  auto copy = std::make_shared<std::vector<std::byte>>(bytes.begin(), bytes.end());
  HostWeights stored{copy->data(), DType::kFloat32, out, in};
  stored.layout = text;
  stored.owner = copy;
  const auto again = backend_->pack(stored, 1, 1, DType::kInt8);
  EXPECT_EQ(backend_->packed_bytes(*again).data(), copy->data()) << "in place";
  EXPECT_EQ(product(*again), product(*packed));

  // Beside one that is packed now: the outputs of both, one behind the other.
  const std::vector<HostWeights> parts = {stored, plain};
  const auto both = backend_->pack_stacked(parts, DType::kInt8);
  stored.owner.reset();
  std::weak_ptr<std::vector<std::byte>> watched = copy;
  copy.reset();
  EXPECT_FALSE(watched.expired()) << "the weights keep what they use";
  const std::vector<float> one = product(*packed), two = product(*both);
  ASSERT_EQ(two.size(), 2 * one.size());
  for (int64_t r = 0; r < 3; ++r) {
    const auto row = one.begin() + r * out;
    EXPECT_TRUE(std::equal(row, row + out, two.begin() + 2 * r * out));
    EXPECT_TRUE(std::equal(row, row + out, two.begin() + (2 * r + 1) * out));
  }

  stored.layout = "int8 1x1 strides 1,1 blocks ";
  EXPECT_THROW(backend_->pack(stored, 1, 1, DType::kInt8), Error);
}

INSTANTIATE_TEST_SUITE_P(Shapes, PackedLayout,
                         ::testing::Values(LayoutShape{128, 64}, LayoutShape{80, 256},
                                           LayoutShape{250, 33}, LayoutShape{1280, 320}),
                         [](const auto& test) {
                           return std::to_string(test.param.out) + "x" +
                                  std::to_string(test.param.in);
                         });

}  // namespace
}  // namespace echo::cpu
