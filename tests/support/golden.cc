#include "support/golden.h"

#include <map>
#include <mutex>

#include "base/error.h"
#include "support/paths.h"

namespace echo {
namespace {

::testing::AssertionResult verdict(const GoldenSet& set, std::string_view name,
                                   std::span<const float> computed,
                                   const GoldenDifference& difference) {
  if (difference.passed()) return ::testing::AssertionSuccess();
  const TensorView& tensor = set.tensor(name);
  return ::testing::AssertionFailure()
         << tensor.label() << " " << shape_text(tensor.shape) << ": relative L2 "
         << difference.rel_l2 << ", limit " << difference.limit << " (" << computed.size()
         << " values computed, " << tensor.elements() << " recorded)";
}

}  // namespace

const GoldenSet& golden(const char* name) {
  static std::mutex mutex;
  static std::map<std::string, GoldenSet> sets;
  const std::scoped_lock lock(mutex);
  const auto it = sets.find(name);
  if (it != sets.end()) return it->second;
  return sets.emplace(name, GoldenSet::open(golden_path("/" + std::string(name)))).first->second;
}

::testing::AssertionResult near_golden(const GoldenSet& set, std::string_view name,
                                       std::span<const float> computed) {
  return verdict(set, name, computed, set.compare(name, computed));
}

::testing::AssertionResult near_golden_bfloat16(const GoldenSet& set, std::string_view name,
                                                std::span<const float> computed) {
  return verdict(set, name, computed, set.compare_bfloat16(name, computed));
}

}  // namespace echo
