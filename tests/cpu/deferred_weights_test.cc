#include "cpu/deferred_weights.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <vector>

#include "base/error.h"
#include "cpu/cpu_backend.h"
#include "tensor/ops.h"

namespace echo::cpu {
namespace {

constexpr int64_t kOut = 48, kIn = 40;

class Fixed : public PackedWeights {
 public:
  Fixed() : PackedWeights({nullptr, DType::kFloat32, kOut, kIn}, 1, 1, DType::kFloat32) {}
};

std::shared_ptr<DeferredWeights> deferred(DeferredWeights::Pack pack) {
  return std::make_shared<DeferredWeights>(HostWeights{nullptr, DType::kFloat32, kOut, kIn},
                                           DType::kFloat32, std::move(pack));
}

TEST(DeferredWeights, ArePackedOnceWhenTheyAreUsed) {
  int packed = 0;
  const auto held = std::make_shared<int>(7);
  const auto weights = deferred([&packed, held] {
    ++packed;
    return std::make_shared<Fixed>();
  });
  EXPECT_EQ(weights->out(), kOut);
  EXPECT_EQ(weights->in(), kIn);
  EXPECT_EQ(packed, 0);
  EXPECT_EQ(held.use_count(), 2);
  const PackedWeights& first = ready(*weights);
  EXPECT_EQ(&ready(*weights), &first);
  EXPECT_EQ(packed, 1);
  EXPECT_EQ(held.use_count(), 1) << "what it was packed from is let go";
  EXPECT_EQ(&ready(first), &first) << "what is packed is itself";
}

TEST(DeferredWeights, AFailureIsMetByWhoeverUsesThem) {
  int tries = 0;
  const auto weights = deferred([&tries]() -> std::shared_ptr<PackedWeights> {
    if (++tries == 1) throw_unavailable("no memory");
    return std::make_shared<Fixed>();
  });
  EXPECT_THROW(ready(*weights), Error);
  ready(*weights);
  EXPECT_EQ(tries, 2);
}

TEST(BackgroundPacker, PacksInOrderWhatIsStillUsed) {
  std::vector<int> order;
  std::promise<void> begin, done;
  const auto first = deferred([&] {
    begin.get_future().wait();
    order.push_back(1);
    return std::make_shared<Fixed>();
  });
  auto dropped = deferred([&] {
    order.push_back(2);
    return std::make_shared<Fixed>();
  });
  const auto failing = deferred([&]() -> std::shared_ptr<PackedWeights> {
    order.push_back(3);
    throw_unavailable("no memory");
  });
  const auto last = deferred([&] {
    order.push_back(4);
    done.set_value();
    return std::make_shared<Fixed>();
  });
  BackgroundPacker packer;
  for (const auto& weights : {first, dropped, failing, last}) packer.add(weights);
  dropped.reset();
  begin.set_value();
  done.get_future().wait();
  EXPECT_EQ(order, (std::vector<int>{1, 3, 4}));
}

TEST(BackgroundPacker, EndsWhileThereIsMoreToDo) {
  std::promise<void> begun, end;
  std::atomic<int> packed{0};
  const auto slow = deferred([&] {
    begun.set_value();
    end.get_future().wait();
    ++packed;
    return std::make_shared<Fixed>();
  });
  std::vector<std::shared_ptr<DeferredWeights>> rest;
  for (int i = 0; i < 100; ++i) {
    rest.push_back(deferred([&] {
      ++packed;
      return std::make_shared<Fixed>();
    }));
  }
  auto packer = std::make_unique<BackgroundPacker>();
  packer->add(slow);
  for (const auto& weights : rest) packer->add(weights);
  begun.get_future().wait();
  auto ending = std::async(std::launch::async, [&] { packer.reset(); });
  end.set_value();
  ending.get();
  for (const auto& weights : rest) ready(*weights);
  EXPECT_EQ(packed.load(), 101) << "each once, whoever packed it";
}

// What the backend defers gives what it gives at once, for every precision it keeps.
TEST(DeferredWeights, OfTheBackendMultiplyAsOthersDo) {
  const auto backend = make_cpu_backend({.threads = 2});
  std::vector<float> values(kOut * kIn), x(3 * kIn);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % 13) - 6;
  for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i % 7) - 3;
  for (const DType precision : {DType::kFloat32, DType::kBFloat16, DType::kInt8}) {
    if (precision == DType::kInt8 && !backend->packs(precision)) continue;
    const auto kept = std::make_shared<std::vector<float>>(values);
    HostWeights weights{kept->data(), DType::kFloat32, kOut, kIn};
    const auto at_once = backend->pack(weights, 1, 1, precision);
    weights.owner = kept;
    const auto later = backend->pack(weights, 1, 1, precision);
    weights.owner.reset();
    const Tensor input = cast(from_host(*backend, x, 3, kIn), at_once->dtype());
    EXPECT_EQ(later->dtype(), at_once->dtype());
    EXPECT_EQ(linear(input, *later, {}, DType::kFloat32).to_host(),
              linear(input, *at_once, {}, DType::kFloat32).to_host());
    EXPECT_EQ(kept.use_count(), 1);
    if (!backend->stacks_matrices(precision)) continue;
    weights.owner = kept;
    const HostWeights parts[] = {weights, weights};
    const auto stacked = backend->pack_stacked(parts, precision);
    EXPECT_EQ(stacked->out(), 2 * kOut);
    const Tensor both = linear(input, *stacked, {}, DType::kFloat32);
    EXPECT_EQ(both.column_range(kOut, kOut).to_host(),
              linear(input, *at_once, {}, DType::kFloat32).to_host());
  }
}

}  // namespace
}  // namespace echo::cpu
