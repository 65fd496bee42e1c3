// The recorded tiny codec.
#pragma once

#include <memory>

#include "models/codec.h"
#include "models/test_backend.h"
#include "support/golden.h"
#include "support/shared_by_tests.h"

namespace echo {

inline Codec make_tiny_codec(DType precision = DType::kFloat32, const CodecTiles& tiles = {}) {
  const GoldenSet& set = golden("tiny");
  return Codec({backend(), precision}, Weights(set.file("dac")),
               read_pca_state(Weights(set.file("pca_state"))), tiles);
}

// For the tests that do not need a codec of their own.
inline const Codec& tiny_codec() {
  return shared_by_tests([] { return std::make_unique<const Codec>(make_tiny_codec()); });
}

}  // namespace echo
