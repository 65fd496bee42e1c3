#include "engine/solver.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "engine/engine_fixture.h"
#include "engine/schedule.h"

namespace echo {
namespace {

constexpr int64_t kRows = 3, kCols = 5;
using State = std::vector<double>;

// What stands for the model: three smooth fields, with everything, without text, without voice.
double field(int sequence, double x, double t) {
  switch (sequence) {
    case 0:
      return std::sin(1.3 * x + t) - 0.4 * x;
    case 1:
      return 0.3 * std::cos(x - 2 * t);
    default:
      return 0.2 * x * t - 0.1;
  }
}

State noise() {
  State x(kRows * kCols);
  for (size_t i = 0; i < x.size(); ++i) x[i] = std::sin(1.0 + 2.7 * static_cast<double>(i));
  return x;
}

// The formulas of solver.h once more, in double precision and from the ground up. `evaluations`
// counts fields that were asked for.
struct Reference {
  const SamplerParameters& p;
  bool text = true, speaker = true;
  int64_t evaluations = 0;
  int64_t guided = 0;
  State kept = {};

  State velocity(const State& x, double t, bool is_guided) {
    State f(x.size());
    const bool fresh = is_guided && guided % p.cfg_interval == 0;
    if (is_guided) ++guided;
    if (fresh) kept.assign(x.size(), 0);
    evaluations += 1 + (fresh ? int{text} + int{speaker} : 0);
    for (size_t i = 0; i < x.size(); ++i) {
      const double v = field(0, x[i], t);
      if (fresh && text) kept[i] += p.cfg_scale_text * (v - field(1, x[i], t));
      if (fresh && speaker) kept[i] += p.cfg_scale_speaker * (v - field(2, x[i], t));
      f[i] = v + (is_guided ? kept[i] : 0);
      if (p.rescale_k && p.rescale_sigma) {
        const double snr = std::pow((1 - t) / t, 2), s2 = *p.rescale_sigma * *p.rescale_sigma;
        const double ratio = (snr * s2 + 1) / (snr * s2 / *p.rescale_k + 1);
        f[i] = (ratio * ((1 - t) * f[i] + x[i]) - x[i]) / (1 - t);
      }
    }
    return f;
  }

  State run(State x) {
    const std::vector<float> times = time_schedule(p.num_steps);
    State before;
    bool before_guided = false;
    double before_h = 0;
    for (int64_t i = 0; i < p.num_steps; ++i) {
      const double t = times[i], next = times[i + 1], h = next - t;
      const bool on = t >= p.cfg_min_t && t <= p.cfg_max_t;
      const State f = velocity(x, t, on);
      State moved = x;
      for (size_t j = 0; j < x.size(); ++j) moved[j] += h * f[j];
      if (p.solver == Solver::kAb2 && !before.empty() && before_guided == on) {
        const double w = h / before_h;
        for (size_t j = 0; j < x.size(); ++j) {
          moved[j] = x[j] + h * ((1 + w / 2) * f[j] - w / 2 * before[j]);
        }
      } else if (p.solver == Solver::kHeun && i + 1 < p.num_steps) {
        const State second = velocity(moved, next, on);
        for (size_t j = 0; j < x.size(); ++j) moved[j] = x[j] + h / 2 * (f[j] + second[j]);
      }
      before = f;
      before_guided = on;
      before_h = h;
      x = moved;
    }
    return x;
  }
};

class GuidedSolverTest : public ::testing::Test {
 protected:
  Tensor on_device(const State& x) {
    return from_host(*backend_, std::vector<float>(x.begin(), x.end()), kRows, kCols);
  }

  Tensor velocity(int sequence, const Tensor& x, double t) {
    State values;
    for (const float value : x.to_host()) values.push_back(field(sequence, value, t));
    return on_device(values);
  }

  // The solver from noise to its end; counts fields that were asked for.
  std::vector<float> run(const SamplerParameters& p, bool text, bool speaker,
                         int64_t* evaluations = nullptr) {
    const std::vector<float> times = time_schedule(p.num_steps);
    GuidedSolver solver(p);
    solver.begin();
    const Tensor x = on_device(noise());
    for (int64_t i = 0; i < p.num_steps;) {
      const float now = times[i + solver.stage()];
      const bool guidance = solver.needs_guidance(times[i]);
      const Tensor v = velocity(0, x, now);
      const Tensor v_text = guidance && text ? velocity(1, x, now) : Tensor();
      const Tensor v_speaker = guidance && speaker ? velocity(2, x, now) : Tensor();
      if (evaluations) *evaluations += 1 + !v_text.empty() + !v_speaker.empty();
      if (solver.apply(x, v, v_text, v_speaker, times[i], times[i + 1])) ++i;
    }
    return x.to_host();
  }

  std::unique_ptr<Backend> backend_ = test_backend();
};

SamplerParameters parameters_of(Solver solver, int64_t steps, int64_t interval) {
  SamplerParameters p;
  p.solver = solver;
  p.num_steps = steps;
  p.cfg_interval = interval;
  p.cfg_scale_text = 0.9;
  p.cfg_scale_speaker = 0.6;
  return p;
}

TEST_F(GuidedSolverTest, IsItsFormulaInDoublePrecision) {
  for (const Solver solver : {Solver::kEuler, Solver::kAb2, Solver::kHeun}) {
    for (const int64_t interval : {1, 2, 3, 50}) {
      for (const bool rescaled : {false, true}) {
        for (const auto& [from, to] : {std::pair{0.5, 1.0}, {0.3, 0.8}, {0.0, 1.0}}) {
          for (const auto& [text, speaker] :
               {std::pair{true, true}, {true, false}, {false, true}}) {
            SamplerParameters p = parameters_of(solver, 9, interval);
            p.cfg_min_t = from;
            p.cfg_max_t = to;
            if (rescaled) {
              p.rescale_k = 1.2;
              p.rescale_sigma = 3;
            }
            int64_t evaluations = 0;
            const std::vector<float> found = run(p, text, speaker, &evaluations);
            Reference reference{.p = p, .text = text, .speaker = speaker};
            const State expected = reference.run(noise());
            EXPECT_EQ(evaluations, reference.evaluations);
            for (size_t i = 0; i < found.size(); ++i) {
              EXPECT_NEAR(found[i], expected[i], 1e-5) << static_cast<int>(solver) << interval;
            }
          }
        }
      }
    }
  }
}

TEST_F(GuidedSolverTest, EulerIsTheOneOperationBitForBit) {
  SamplerParameters p = parameters_of(Solver::kEuler, 7, 1);
  p.rescale_k = 1.2;
  p.rescale_sigma = 3;
  const std::vector<float> times = time_schedule(7);
  const Tensor x = on_device(noise());
  for (int64_t i = 0; i < 7; ++i) {
    GuidedStep step{times[i], times[i + 1], 0.9f, 0.6f, true, 1.2f, 3};
    const bool guided = times[i] >= 0.5f;
    guided_step(x, velocity(0, x, times[i]), guided ? velocity(1, x, times[i]) : Tensor(),
                guided ? velocity(2, x, times[i]) : Tensor(), step);
  }
  EXPECT_EQ(run(p, true, true), x.to_host());
}

// Twice the steps: half the error for Euler, a quarter for the others.
TEST_F(GuidedSolverTest, HasItsOrder) {
  const auto error = [&](Solver solver, int64_t steps) {
    SamplerParameters p = parameters_of(solver, steps, 1);
    p.cfg_min_t = 0;
    SamplerParameters fine = parameters_of(Solver::kHeun, 4000, 1);
    fine.cfg_min_t = 0;
    Reference reference{.p = fine};
    static const State exact = reference.run(noise());
    const std::vector<float> found = run(p, true, true);
    double sum = 0;
    for (size_t i = 0; i < exact.size(); ++i) sum += std::pow(found[i] - exact[i], 2);
    return std::sqrt(sum);
  };
  EXPECT_NEAR(error(Solver::kEuler, 40) / error(Solver::kEuler, 80), 2, 0.3);
  EXPECT_NEAR(error(Solver::kAb2, 40) / error(Solver::kAb2, 80), 4, 0.8);
  // Heun's last step is one of Euler, whose error is of second order too.
  EXPECT_NEAR(error(Solver::kHeun, 40) / error(Solver::kHeun, 80), 4, 0.8);
  EXPECT_LT(error(Solver::kAb2, 40), error(Solver::kEuler, 80));
}

TEST_F(GuidedSolverTest, BreaksOffWhereItIsToldTo) {
  const SamplerParameters p = parameters_of(Solver::kAb2, 4, 1);
  const std::vector<float> times = time_schedule(4);
  GuidedSolver solver(p);
  const Tensor x = on_device(noise());
  const Tensor v = on_device(State(kRows * kCols, 1)), w = on_device(State(kRows * kCols, 3));
  solver.apply(x, v, {}, {}, times[0], times[1]);
  solver.break_off();
  const float before = x.to_host()[0];
  solver.apply(x, w, {}, {}, times[1], times[2]);
  EXPECT_NEAR(x.to_host()[0] - before, 3 * (times[2] - times[1]), 1e-6);
}

}  // namespace
}  // namespace echo
