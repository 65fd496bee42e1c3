#include "emulation/fiber.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <new>

#if defined(__SANITIZE_ADDRESS__)
#define ECHO_FIBER_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ECHO_FIBER_ASAN 1
#endif
#endif
#ifdef ECHO_FIBER_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

#if defined(__x86_64__)
#define ECHO_FIBER_OWN_SWITCH 1
// Saves the registers that a function must keep on the old stack, and takes them from the new one.
extern "C" void echo_emulation_switch(void** old_stack, void* new_stack);
asm(R"(
.text
.globl echo_emulation_switch
.hidden echo_emulation_switch
.type echo_emulation_switch, @function
echo_emulation_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size echo_emulation_switch, . - echo_emulation_switch
)");
#else
#include <ucontext.h>
#endif

namespace echo::cuda_emulation {
namespace {

constexpr size_t kStackBytes = size_t{256} << 10;
constexpr size_t kColours = 32, kColourBytes = 1088;

}  // namespace

struct Fiber::Implementation {
  char* memory = nullptr;
  size_t guard = 0;
  char* top = nullptr;
  Entry entry = nullptr;
  void* argument = nullptr;
#ifdef ECHO_FIBER_OWN_SWITCH
  void* own_stack = nullptr;
  void* owner_stack = nullptr;
#else
  ucontext_t own{}, owner{};
#endif
#ifdef ECHO_FIBER_ASAN
  const void* owner_bottom = nullptr;
  size_t owner_size = 0;
  void* own_fake = nullptr;
  void* owner_fake = nullptr;
#endif

  char* bottom() const { return memory + guard; }

  void arrived() {
#ifdef ECHO_FIBER_ASAN
    __sanitizer_finish_switch_fiber(own_fake, &owner_bottom, &owner_size);
#endif
  }
  void to_fiber() {
#ifdef ECHO_FIBER_ASAN
    __sanitizer_start_switch_fiber(&owner_fake, bottom(), kStackBytes);
#endif
#ifdef ECHO_FIBER_OWN_SWITCH
    echo_emulation_switch(&owner_stack, own_stack);
#else
    swapcontext(&owner, &own);
#endif
#ifdef ECHO_FIBER_ASAN
    __sanitizer_finish_switch_fiber(owner_fake, nullptr, nullptr);
#endif
  }
  void to_owner(bool last) {
#ifdef ECHO_FIBER_ASAN
    __sanitizer_start_switch_fiber(last ? nullptr : &own_fake, owner_bottom, owner_size);
#endif
#ifdef ECHO_FIBER_OWN_SWITCH
    echo_emulation_switch(&own_stack, owner_stack);
#else
    swapcontext(&own, &owner);
#endif
    arrived();
  }
  // The fiber that is entered for the first time; only its own OS thread reads it.
  static thread_local Implementation* entering;
  static void enter() {
    Implementation* self = entering;
    self->arrived();
    self->entry(self->argument);
    std::abort();  // entry did not finish()
  }
};

thread_local Fiber::Implementation* Fiber::Implementation::entering = nullptr;

Fiber::Fiber(size_t colour) : implementation_(std::make_unique<Implementation>()) {
  Implementation& self = *implementation_;
  self.guard = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  void* memory = mmap(nullptr, self.guard + kStackBytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  self.memory = static_cast<char*>(memory);
  mprotect(self.memory, self.guard, PROT_NONE);
  self.top = self.bottom() + kStackBytes - (colour % kColours) * kColourBytes;
}

Fiber::~Fiber() { munmap(implementation_->memory, implementation_->guard + kStackBytes); }

void Fiber::start(Entry entry, void* argument) {
  Implementation& self = *implementation_;
  self.entry = entry;
  self.argument = argument;
#ifdef ECHO_FIBER_ASAN
  __asan_unpoison_memory_region(self.bottom(), kStackBytes);
  self.own_fake = nullptr;
#endif
#ifdef ECHO_FIBER_OWN_SWITCH
  // Where a function begins, the stack is 8 bytes past a multiple of 16.
  auto* stack =
      reinterpret_cast<uintptr_t*>(reinterpret_cast<uintptr_t>(self.top) & ~uintptr_t{15});
  *--stack = 0;
  *--stack = reinterpret_cast<uintptr_t>(&Implementation::enter);
  for (int i = 0; i < 6; ++i) *--stack = 0;
  self.own_stack = stack;
#else
  getcontext(&self.own);
  self.own.uc_stack.ss_sp = self.bottom();
  self.own.uc_stack.ss_size = static_cast<size_t>(self.top - self.bottom());
  self.own.uc_link = nullptr;
  makecontext(&self.own, &Implementation::enter, 0);
#endif
}

void Fiber::resume() {
  Implementation::entering = implementation_.get();
  implementation_->to_fiber();
}

void Fiber::suspend() { implementation_->to_owner(false); }

void Fiber::finish() {
  implementation_->to_owner(true);
  std::abort();
}

}  // namespace echo::cuda_emulation
