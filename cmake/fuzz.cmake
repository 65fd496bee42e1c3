# echo_fuzz(NAME SECONDS seconds CORPUS folder [DICTIONARY file] [LENGTH bytes] SOURCES
# source... [LIBRARIES name...]): a libFuzzer
# program and a test labelled slow that runs it. Clang builds it whatever compiles the rest, with the
# address and undefined-behaviour sanitizers, and only when the test runs. SOURCES are all
# the files that it needs, since the other libraries are not instrumented.
find_program(ECHO_FUZZ_COMPILER NAMES clang++-14 clang++)

function(echo_fuzz name)
  cmake_parse_arguments(ARG "" "SECONDS;CORPUS;DICTIONARY;LENGTH" "SOURCES;LIBRARIES" ${ARGN})
  if(NOT ECHO_FUZZ_COMPILER)
    message(STATUS "${name} is left out: no clang++")
    return()
  endif()
  set(program ${CMAKE_CURRENT_BINARY_DIR}/${name}.dir/${name})
  set(objects "")
  foreach(source ${ARG_SOURCES})
    cmake_path(ABSOLUTE_PATH source)
    string(MAKE_C_IDENTIFIER "${source}" stem)
    set(object ${CMAKE_CURRENT_BINARY_DIR}/${name}.dir/${stem}.o)
    add_custom_command(
      OUTPUT ${object}
      COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_CURRENT_BINARY_DIR}/${name}.dir
      COMMAND ${ECHO_FUZZ_COMPILER} -std=c++20 -g -O1 -fno-omit-frame-pointer
              -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
              -I${PROJECT_SOURCE_DIR}/src -MD -MF ${object}.d -c ${source} -o ${object}
      DEPENDS ${source}
      DEPFILE ${object}.d
      COMMENT "Building ${name}: ${source}"
      VERBATIM)
    list(APPEND objects ${object})
  endforeach()
  list(TRANSFORM ARG_LIBRARIES PREPEND -l)
  add_custom_command(
    OUTPUT ${program}
    COMMAND ${ECHO_FUZZ_COMPILER} -fsanitize=fuzzer,address,undefined ${objects} ${ARG_LIBRARIES}
            -o ${program}
    DEPENDS ${objects}
    VERBATIM)
  add_custom_target(${name} DEPENDS ${program})

  add_test(NAME ${name}.build
           COMMAND ${CMAKE_COMMAND} --build ${PROJECT_BINARY_DIR} --target ${name})
  set_tests_properties(${name}.build PROPERTIES LABELS slow FIXTURES_SETUP ${name} TIMEOUT 600
                                                RESOURCE_LOCK build)
  # What the run finds goes to a folder of the build; the seeds are only read.
  set(found ${CMAKE_CURRENT_BINARY_DIR}/${name}.found)
  file(MAKE_DIRECTORY ${found})
  set(dictionary "")
  if(ARG_DICTIONARY)
    set(dictionary -dict=${ARG_DICTIONARY})
  endif()
  if(NOT ARG_LENGTH)
    set(ARG_LENGTH 4096)
  endif()
  math(EXPR timeout "${ARG_SECONDS} + 120")
  add_test(NAME ${name}
           COMMAND ${program} -max_total_time=${ARG_SECONDS} -max_len=${ARG_LENGTH} -rss_limit_mb=2048
                   -timeout=10 -artifact_prefix=${found}/ ${dictionary} ${found} ${ARG_CORPUS})
  set_tests_properties(${name} PROPERTIES LABELS slow FIXTURES_REQUIRED ${name} TIMEOUT ${timeout})
endfunction()
