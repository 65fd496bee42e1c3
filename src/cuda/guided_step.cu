#include "cuda/elementwise.cuh"
#include "cuda/kernels.h"

namespace echo::cuda {
namespace {

struct StepFactors {
  float t, dt, text, speaker;
  bool rescale;
  float ratio;
};

__global__ void guided_step_kernel(Rows<float> x, Rows<const float> v, Rows<const float> v_text,
                                   Rows<const float> v_speaker, StepFactors step) {
  const GroupPlace at = group_place(x.rows, x.cols);
  if (at.count == 0) return;
  float state[kGroup], all[kGroup], text[kGroup], speaker[kGroup];
  load(x.row(at.row) + at.column, at.count, x.whole, state);
  load(v.row(at.row) + at.column, at.count, v.whole, all);
  if (v_text.data) load(v_text.row(at.row) + at.column, at.count, v_text.whole, text);
  if (v_speaker.data) load(v_speaker.row(at.row) + at.column, at.count, v_speaker.whole, speaker);
#pragma unroll
  for (int i = 0; i < kGroup; ++i) {
    float value = all[i];
    if (v_text.data) value += step.text * (all[i] - text[i]);
    if (v_speaker.data) value += step.speaker * (all[i] - speaker[i]);
    if (step.rescale) {
      value = (step.ratio * ((1 - step.t) * value + state[i]) - state[i]) / (1 - step.t);
    }
    state[i] += value * step.dt;
  }
  store(x.row(at.row) + at.column, at.count, x.whole, state);
}

}  // namespace

void guided_step(const View& x, const View& v, const View& v_text, const View& v_speaker,
                 const GuidedStep& step, cudaStream_t stream) {
  // Temporal score rescaling (arXiv 2510.01184).
  const float t = step.t, sigma2 = step.rescale_sigma * step.rescale_sigma;
  const float snr = (1 - t) * (1 - t) / (t * t);
  const StepFactors factors{t,
                            step.t_next - t,
                            step.cfg_scale_text,
                            step.cfg_scale_speaker,
                            step.rescale && t < 1.0f,
                            (snr * sigma2 + 1) / (snr * sigma2 / step.rescale_k + 1)};
  launch(guided_step_kernel, elementwise_shape(x.rows, x.cols), stream, rows_as<float>(x),
         rows_as<const float>(v), rows_as<const float>(v_text), rows_as<const float>(v_speaker),
         factors);
}

}  // namespace echo::cuda
