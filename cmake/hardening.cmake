# What makes a memory error harder to exploit: position-independent program, read-only relocations
# bound at start, stack protector and stack clash probes, checked libc calls, checked branch targets.
# tests/docker reads the result out of the binary.
include(CheckCXXCompilerFlag)
include(CheckPIESupported)
check_pie_supported()

function(echo_harden target)
  set(flags -fstack-protector-strong)
  foreach(flag -fstack-clash-protection -fcf-protection=full)
    string(MAKE_C_IDENTIFIER "ECHO_HAS${flag}" has)
    check_cxx_compiler_flag(${flag} ${has})
    if(${has})
      list(APPEND flags ${flag})
    endif()
  endforeach()
  # A list that other languages' compilers do not get: nvcc knows none of these.
  target_compile_options(${target} INTERFACE "$<$<COMPILE_LANGUAGE:CXX>:${flags}>")
  target_link_options(${target} INTERFACE -Wl,-z,relro,-z,now,-z,noexecstack)
  # The checks need an optimiser, and sanitizers bring their own. Level 3 came with GCC 12; Clang 14
  # takes it as 2. A distribution's own default would be defined twice, so it is dropped first.
  if(CMAKE_BUILD_TYPE STREQUAL "Release" AND NOT ECHO_SANITIZE)
    target_compile_options(${target} INTERFACE
      "$<$<COMPILE_LANGUAGE:CXX>:-U_FORTIFY_SOURCE;-D_FORTIFY_SOURCE=3>")
  endif()
endfunction()
