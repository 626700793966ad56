# Compiler settings: standard, warnings, ccache, sanitizers.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Release, RelWithDebInfo or Debug" FORCE)
endif()

set(PRM_WARNINGS -Wall -Wextra)
# g++ 12 warns about its own std::string (gcc bug 105651).
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  list(APPEND PRM_WARNINGS -Wno-restrict)
endif()

option(PRM_WERROR "Warnings are errors: for the checks, with the compiler that they know" OFF)
if(PRM_WERROR)
  list(APPEND PRM_WARNINGS -Werror)
endif()

# ccache uses paths relative to the source root, so that build folders share its entries.
find_program(PRM_CCACHE ccache)
if(PRM_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER
    "${CMAKE_COMMAND}" -E env "CCACHE_BASEDIR=${PROJECT_SOURCE_DIR}" CCACHE_NOHASHDIR=1
    CCACHE_SLOPPINESS=pch_defines,time_macros "${PRM_CCACHE}")
endif()
# Only this file knows the clone's path: the cache serves all others in any clone.
set_source_files_properties(tests/source_dir.cc PROPERTIES
  COMPILE_DEFINITIONS "PRM_SOURCE_DIR=\"${PROJECT_SOURCE_DIR}\"" SKIP_PRECOMPILE_HEADERS ON)

# Precompiles LibTorch's and GoogleTest's headers, which take longer than our files. The standard
# library's and nlohmann's gain nothing; CLI11's and simdjson's make each file slower.
option(PRM_PRECOMPILE "Compile headers of LibTorch and GoogleTest once per target" ON)
function(prm_precompile target)
  if(NOT PRM_PRECOMPILE)
    return()
  endif()
  target_precompile_headers(${target} PRIVATE ${ARGN})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(${target} PRIVATE -fpch-preprocess)  # for ccache
  endif()
endfunction()

set(PRM_SANITIZE "" CACHE STRING "Sanitizers, as in -fsanitize=: address,undefined or thread")
if(PRM_SANITIZE)
  add_compile_options("-fsanitize=${PRM_SANITIZE}" -fno-omit-frame-pointer -fno-sanitize-recover=all -g1)
  add_link_options("-fsanitize=${PRM_SANITIZE}")
  if(PRM_SANITIZE MATCHES "undefined")
    # The vptr check opens a pipe to test whether memory is readable. If a test has taken all
    # descriptors, it reports valid objects.
    add_compile_options(-fno-sanitize=vptr)
  endif()
endif()

# Instrumented code calls tests/fuzz/coverage.cc, which is therefore linked into every program.
option(PRM_FUZZ_COVERAGE "Let the fuzz targets see which code their inputs reach" OFF)
add_library(prm_coverage STATIC EXCLUDE_FROM_ALL tests/fuzz/coverage.cc)
target_include_directories(prm_coverage PUBLIC "${PROJECT_SOURCE_DIR}")
if(PRM_FUZZ_COVERAGE)
  add_compile_options(-fsanitize-coverage=trace-pc)
  link_libraries("$<$<STREQUAL:$<TARGET_PROPERTY:TYPE>,EXECUTABLE>:prm_coverage>")
endif()

# prm_add_library(NAME FOLDER [SOURCES...]): a static library with the alias `prm::FOLDER`; headers
# are included from the source root ("data/trace.h").
function(prm_add_library name folder)
  add_library(${name} STATIC ${ARGN})
  add_library(prm::${folder} ALIAS ${name})
  set_target_properties(${name} PROPERTIES EXPORT_NAME ${folder} LINKER_LANGUAGE CXX)
  target_compile_features(${name} PUBLIC cxx_std_20)
  target_compile_options(${name} PRIVATE ${PRM_WARNINGS})
  target_include_directories(${name} PUBLIC
    "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>"
    "$<INSTALL_INTERFACE:include>" "$<INSTALL_INTERFACE:include/prm>")
endfunction()
