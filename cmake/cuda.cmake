# The CUDA toolkit, for the module that the program opens at run time. Without it the project builds
# without the module. ECHO_CUDA: AUTO builds the module where the toolkit is, ON insists, OFF does not.
set(ECHO_CUDA AUTO CACHE STRING "Build the CUDA module: AUTO, ON or OFF")
set(ECHO_CUDA_ARCHITECTURES 90-real CACHE STRING
    "What the CUDA module runs on, e.g. \"80-real;86-real;89-real;90-real;100-real;120\"")
set(ECHO_CUDA_FOUND FALSE)

if(ECHO_CUDA AND NOT ECHO_CUDA STREQUAL "OFF")
  # CMake asks for these names; nvcc 13 refuses what CMake 3.25 would choose by itself.
  set(CMAKE_CUDA_ARCHITECTURES ${ECHO_CUDA_ARCHITECTURES})
  if(NOT CMAKE_CUDA_COMPILER AND NOT DEFINED ENV{CUDACXX})
    find_program(ECHO_NVCC nvcc HINTS ENV CUDA_PATH ENV CUDA_HOME PATH_SUFFIXES bin
                 PATHS /usr/local/cuda)
    if(ECHO_NVCC)
      set(CMAKE_CUDA_COMPILER ${ECHO_NVCC})
    endif()
  endif()
  # The linker of host code is the compiler of the rest, also where several are installed.
  set(CMAKE_CUDA_HOST_COMPILER ${CMAKE_CXX_COMPILER} CACHE FILEPATH "Compiler of host code")
  include(CheckLanguage)
  if(CMAKE_CUDA_COMPILER OR DEFINED ENV{CUDACXX})
    check_language(CUDA)
  endif()
  if(CMAKE_CUDA_COMPILER)
    enable_language(CUDA)
    # CMake 3.25 knows nvcc's flag up to C++17 only.
    foreach(kind STANDARD EXTENSION)
      if(NOT CMAKE_CUDA20_${kind}_COMPILE_OPTION)
        set(CMAKE_CUDA20_${kind}_COMPILE_OPTION -std=c++20)
      endif()
    endforeach()
    # CMake 3.25's module takes for granted that a toolkit has nvToolsExt, which 13 has not, when a
    # project asks for 3.25 itself.
    set(required ${CMAKE_MINIMUM_REQUIRED_VERSION})
    set(CMAKE_MINIMUM_REQUIRED_VERSION 3.24)
    find_package(CUDAToolkit 12.8)
    set(CMAKE_MINIMUM_REQUIRED_VERSION ${required})
    if(CUDAToolkit_FOUND AND TARGET CUDA::cublasLt AND TARGET CUDA::cudart_static)
      set(ECHO_CUDA_FOUND TRUE)
    endif()
  endif()
  if(NOT ECHO_CUDA_FOUND)
    if(ECHO_CUDA STREQUAL "ON")
      message(FATAL_ERROR "ECHO_CUDA is ON, and there is no CUDA toolkit 12.8 or later with cuBLAS")
    endif()
    message(STATUS "The CUDA module is left out: no toolkit 12.8 or later with cuBLAS")
  endif()
endif()
