// The formulas that take a trajectory from one time of its schedule to the next.
#pragma once

#include <cstdint>

#include "engine/sampler_parameters.h"
#include "tensor/ops.h"

namespace echo {

// With f(x, t) the velocity that guidance and rescaling make of the model's, and h = t' - t:
//   Euler  x' = x + h f(x, t)
//   AB2    x' = x + h ((1 + w/2) f(x, t) - w/2 f of the step before), w = h / its h
//   Heun   y = x + h f(x, t), x' = x + h/2 (f(x, t) + f(y, t')); Euler in the last step, since
//          the model is not asked at t' = 0
// A step is guided when its first time is. AB2 takes an Euler step where there is no step before,
// and where guidance or the voice's scale began or ended between the two: they are velocities of
// different functions. With cfg_interval n the difference that guidance makes,
// cfg_text (v - v_text) + cfg_speaker (v - v_speaker), is computed in every nth guided evaluation
// and added again, as it was, in those between.
//
// One evaluation is one velocity of the model. Used by the device's thread alone.
class GuidedSolver {
 public:
  explicit GuidedSolver(const SamplerParameters& parameters) : parameters_(parameters) {}

  // Forgets what it knows of the steps before: at the beginning of a block.
  void begin();
  // The velocities from here on are another function's.
  void break_off() { previous_ = {}; }

  // Of the step that is at hand. 0, or 1 for the second evaluation of Heun's step, which is at the
  // step's end.
  int64_t stage() const { return predicted_.empty() ? 0 : 1; }
  // Whether the evaluation needs the velocities without text and voice too. t: of the step's
  // beginning.
  bool needs_guidance(float t) const;

  // Takes the velocity of an evaluation from t to t_next, and moves x (S, C); v_text and v_speaker
  // may be empty, and are when guidance is not needed. True when the step is done.
  bool apply(const Tensor& x, const Tensor& v, const Tensor& v_text, const Tensor& v_speaker,
             float t, float t_next);

 private:
  // f(x, t) for an evaluation at `now`, of a step that is guided or not.
  Tensor velocity(const Tensor& x, const Tensor& v, const Tensor& v_text, const Tensor& v_speaker,
                  float now, bool guided);

  const SamplerParameters parameters_;
  int64_t guided_evaluations_ = 0;  // of the block
  Tensor guidance_;                 // kept for further evaluations
  Tensor previous_;                 // AB2: of the step before
  float previous_step_ = 0;
  bool previous_guided_ = false;
  Tensor predicted_;  // Heun: of the step's first evaluation
};

}  // namespace echo
