#include "models/pca.h"

#include <gtest/gtest.h>

#include "models/test_backend.h"
#include "support/golden.h"

namespace echo {
namespace {

TEST(GoldenPca, BothWaysAgainstDoublePrecision) {
  const GoldenSet& set = golden("tiny");
  const Pca pca(backend(), read_pca_state(Weights(set.file("pca_state"))));
  ASSERT_EQ(pca.latent_size(), 80);
  ASSERT_EQ(pca.width(), 128);
  const std::vector<float> components = set.floats("pca_state/pca_components");
  const std::vector<float> mean = set.floats("pca_state/pca_mean");
  const double scale = set.floats("pca_state/latent_scale").at(0);

  const std::vector<float> latent = set.floats("autoencoder/dec.t5.latent");
  std::vector<float> z_q(5 * 128), back(5 * 80);
  for (size_t t = 0; t < 5; ++t) {
    for (size_t j = 0; j < 128; ++j) {
      double sum = mean[j];
      for (size_t i = 0; i < 80; ++i) sum += latent[t * 80 + i] / scale * components[i * 128 + j];
      z_q[t * 128 + j] = static_cast<float>(sum);
    }
    for (size_t i = 0; i < 80; ++i) {
      double sum = 0;
      for (size_t j = 0; j < 128; ++j) {
        sum += (double{z_q[t * 128 + j]} - mean[j]) * components[i * 128 + j];
      }
      back[t * 80 + i] = static_cast<float>(sum * scale);
    }
  }
  EXPECT_LT(relative_l2(pca.to_z_q(from_host(backend(), latent, 5, 80)).to_host(), z_q), 1e-6);
  EXPECT_LT(relative_l2(pca.to_latent(from_host(backend(), z_q, 5, 128)).to_host(), back), 1e-6);
}

}  // namespace
}  // namespace echo
