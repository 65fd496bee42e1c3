#include "engine/solver.h"

#include "engine/schedule.h"

namespace echo {
namespace {

// x += factor * v
void add_multiple(const Tensor& x, float factor, const Tensor& v) {
  GuidedStep step;
  step.t_next = factor;
  guided_step(x, v, {}, {}, step);
}

Tensor copy_of(const Tensor& x) {
  Tensor result = empty(x.backend(), x.rows(), x.cols(), x.dtype());
  copy(x, result);
  return result;
}

}  // namespace

void GuidedSolver::begin() {
  guided_evaluations_ = 0;
  guidance_ = previous_ = predicted_ = {};
}

bool GuidedSolver::needs_guidance(float t) const {
  return is_guided(t, parameters_) && guided_evaluations_ % parameters_.cfg_interval == 0;
}

Tensor GuidedSolver::velocity(const Tensor& x, const Tensor& v, const Tensor& v_text,
                              const Tensor& v_speaker, float now, bool guided) {
  Tensor result = copy_of(v);
  if (guided) {
    if (guided_evaluations_++ % parameters_.cfg_interval == 0) {
      guidance_ = zeros(x.backend(), x.rows(), x.cols(), x.dtype());
      if (!v_text.empty()) {
        add_multiple(guidance_, static_cast<float>(parameters_.cfg_scale_text), v);
        add_multiple(guidance_, -static_cast<float>(parameters_.cfg_scale_text), v_text);
      }
      if (!v_speaker.empty()) {
        add_multiple(guidance_, static_cast<float>(parameters_.cfg_scale_speaker), v);
        add_multiple(guidance_, -static_cast<float>(parameters_.cfg_scale_speaker), v_speaker);
      }
    }
    add(guidance_, result);
  }
  if (parameters_.rescale_k && parameters_.rescale_sigma) {
    // (ratio ((1 - t) f + x) - x) / (1 - t), see tensor/ops.h; the ratio's distance from 1 without
    // the cancellation.
    const double t = now, k = *parameters_.rescale_k, sigma = *parameters_.rescale_sigma;
    const double weight = (1 - t) * (1 - t) / (t * t) * sigma * sigma;
    const double beyond_one = weight * (1 - 1 / k) / (weight / k + 1);
    scale(result, static_cast<float>(1 + beyond_one));
    add_multiple(result, static_cast<float>(beyond_one / (1 - t)), x);
  }
  return result;
}

bool GuidedSolver::apply(const Tensor& x, const Tensor& v, const Tensor& v_text,
                         const Tensor& v_speaker, float t, float t_next) {
  const bool guided = is_guided(t, parameters_);
  if (parameters_.solver == Solver::kEuler && parameters_.cfg_interval == 1) {
    // As published, in one operation.
    GuidedStep step;
    step.t = t;
    step.t_next = t_next;
    if (!v_text.empty()) step.cfg_scale_text = static_cast<float>(parameters_.cfg_scale_text);
    if (!v_speaker.empty()) {
      step.cfg_scale_speaker = static_cast<float>(parameters_.cfg_scale_speaker);
    }
    if (parameters_.rescale_k && parameters_.rescale_sigma) {
      step.rescale = true;
      step.rescale_k = static_cast<float>(*parameters_.rescale_k);
      step.rescale_sigma = static_cast<float>(*parameters_.rescale_sigma);
    }
    guided_step(x, v, v_text, v_speaker, step);
    return true;
  }
  const float now = stage() == 0 ? t : t_next, h = t_next - t;
  const Tensor f = velocity(x, v, v_text, v_speaker, now, guided);
  switch (parameters_.solver) {
    case Solver::kEuler:
      add_multiple(x, h, f);
      break;
    case Solver::kAb2: {
      const bool goes_on = !previous_.empty() && previous_guided_ == guided;
      const float half = goes_on ? h / previous_step_ / 2 : 0;
      add_multiple(x, h * (1 + half), f);
      if (goes_on) add_multiple(x, -h * half, previous_);
      previous_ = f;
      previous_step_ = h;
      previous_guided_ = guided;
      break;
    }
    case Solver::kHeun:
      if (stage() == 0) {
        add_multiple(x, h, f);
        if (t_next <= 0) break;
        predicted_ = f;
        return false;
      }
      add_multiple(x, h / 2, f);
      add_multiple(x, -h / 2, predicted_);
      predicted_ = {};
      break;
  }
  return true;
}

}  // namespace echo
