// Stacks that one OS thread switches between.
#pragma once

#include <cstddef>
#include <memory>

namespace echo::cuda_emulation {

// A function that runs on a stack of its own, and may stop in the middle until it is resumed. Used
// by the OS thread that made it only.
class Fiber {
 public:
  using Entry = void (*)(void* argument);

  // Stacks of fibers made one after the other begin at different cache sets: `colour` says which.
  explicit Fiber(size_t colour);
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  // The next resume begins entry(argument) anew, whatever ran here before. `entry` must not let
  // exceptions out, and its last act is finish().
  void start(Entry entry, void* argument);
  // Runs until the fiber suspends or finishes. Called by the owner, never by a fiber.
  void resume();
  // Goes back to who resumed this fiber. Called on the fiber itself.
  void suspend();
  [[noreturn]] void finish();

 private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace echo::cuda_emulation
