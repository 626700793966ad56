# One test program per folder, the layout test, the program's test and the fuzz targets.
find_package(GTest REQUIRED)
include(GoogleTest)

# prm_add_test(NAME SOURCES...): a GoogleTest program; each of its tests is a CTest test.
function(prm_add_test name)
  add_executable(${name} ${ARGN} tests/source_dir.cc)
  target_include_directories(${name} PRIVATE "${PROJECT_SOURCE_DIR}")
  # The tested code is in the libraries, which have their own optimisation level.
  target_compile_options(${name} PRIVATE ${PRM_WARNINGS} -O0)
  target_link_libraries(${name} PRIVATE GTest::gmock_main)
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT 600)
endfunction()

# TSan reports false races in uninstrumented code (gRPC, abseil) and in data that it guards. So
# multi-threaded code is tested without these libraries.
if(PRM_SANITIZE STREQUAL "thread")
  prm_add_test(threads_test
    model/scoring/prefix_tree.cc
    serve/batching/batch_forming.cc serve/batching/batch_queue.cc serve/batching/batch_run.cc
    serve/batching/batcher.cc serve/batching/shares.cc
    serve/service/call_record.cc serve/service/server_metrics.cc serve/service/session.cc
    serve/service/session_requests.cc serve/service/session_service.cc serve/service/thread_pool.cc
    serve/wire/diagnostics.cc
    tests/data/tokenizers/bpe_tokenizer_test.cc
    tests/model/scoring/prefix_tree_test.cc
    tests/serve/batching/batch_forming_test.cc tests/serve/batching/batch_queue_test.cc
    tests/serve/batching/batcher_chunks_test.cc
    tests/serve/batching/batcher_test.cc tests/serve/batching/batcher_workers_test.cc
    tests/serve/batching/shares_test.cc
    tests/serve/service/server_metrics_test.cc tests/serve/service/session_service_test.cc
    tests/serve/service/session_service_limits_test.cc tests/serve/service/thread_pool_test.cc)
  target_link_libraries(threads_test PRIVATE prm_data spdlog::spdlog prometheus-cpp::core)
  add_executable(thread_team_test tests/model/kernels/cpu/thread_team_test.cc model/kernels/cpu/thread_team.cc)
  target_include_directories(thread_team_test PRIVATE "${PROJECT_SOURCE_DIR}")
  add_test(NAME kernels.thread_team_test COMMAND thread_team_test)
  add_dependencies(threads_test thread_team_test)
  return()
endif()

# Tests that compute much themselves: for most, compiling without optimisation is faster over all.
set_source_files_properties(tests/data/tokenizers/token_bound_test.cc
  tests/model/decoder/golden_families_test.cc tests/model/files/safetensors_test.cc
  tests/model/scoring/cuda_scoring_test.cc tests/model/scoring/step_graphs_test.cc
  PROPERTIES COMPILE_OPTIONS -O1 SKIP_PRECOMPILE_HEADERS ON)

set(_prm_folders data model train serve)
if(PRM_TORCH_FREE)
  set(_prm_folders data model serve)
endif()
foreach(folder ${_prm_folders})
  file(GLOB sources CONFIGURE_DEPENDS tests/${folder}/*_test.cc tests/${folder}/*/*_test.cc)
  list(FILTER sources EXCLUDE REGEX "/tests/model/kernels/")
  if(PRM_TORCH_FREE AND folder STREQUAL "model")
    set(sources "")
    foreach(name ${PRM_MODEL_TORCH_FREE})
      if(EXISTS "${PROJECT_SOURCE_DIR}/tests/model/${name}_test.cc")
        list(APPEND sources "${PROJECT_SOURCE_DIR}/tests/model/${name}_test.cc")
      endif()
    endforeach()
  endif()
  if(sources AND TARGET prm_${folder})
    prm_add_test(${folder}_test ${sources})
    target_link_libraries(${folder}_test PRIVATE prm_${folder})
    set(headers <gmock/gmock.h>)
    if(folder MATCHES "model|train" AND NOT PRM_TORCH_FREE)
      list(APPEND headers <ATen/ATen.h>)
    endif()
    prm_precompile(${folder}_test ${headers})
  endif()
endforeach()
if(NOT PRM_TORCH_FREE)
  foreach(folder model train)
    if(TARGET ${folder}_test)
      target_link_libraries(${folder}_test PRIVATE prm_libtorch)
      # at::parallel_for is header-only: without OpenMP it runs on one thread.
      target_compile_options(${folder}_test PRIVATE -fopenmp)
    endif()
  endforeach()
endif()
if(TARGET data_test)
  # For simdjson's compile definitions: they change the layout of the parser that json_lines_test
  # shares with prm_data.
  target_link_libraries(data_test PRIVATE simdjson::simdjson Eigen3::Eigen)
endif()
# Tests of the code that benches count with; also run under the sanitizers.
file(GLOB sources CONFIGURE_DEPENDS tests/bench/*/*_test.cc)
prm_add_test(bench_test ${sources} bench/symbolic/audit.cc)
target_link_libraries(bench_test PRIVATE prm_data)
if(TARGET serve_test)
  target_link_libraries(serve_test PRIVATE prm_proto spdlog::spdlog)
  # A server process for tests to kill.
  add_executable(fake_server tests/serve/fake_server.cc)
  target_include_directories(fake_server PRIVATE "${PROJECT_SOURCE_DIR}")
  target_compile_options(fake_server PRIVATE ${PRM_WARNINGS})
  target_link_libraries(fake_server PRIVATE prm_serve)
  set_source_files_properties(tests/serve/service/haproxy_test.cc
    tests/serve/service/server_end_test.cc
    PROPERTIES COMPILE_DEFINITIONS "PRM_FAKE_SERVER=\"$<TARGET_FILE:fake_server>\"")
  add_dependencies(serve_test fake_server)
endif()

if(NOT PRM_SANITIZE)
  prm_add_test(layout_test tests/layout/includes.cc tests/layout/layout_test.cc tests/layout/sizes.cc
    tests/layout/tree.cc)
endif()

# Tests that run the program itself.
if(TARGET prm_program)
  file(GLOB sources CONFIGURE_DEPENDS tests/program/*_test.cc)
  prm_add_test(prm_test ${sources})
  target_link_libraries(prm_test PRIVATE prm_model)
  prm_precompile(prm_test <gmock/gmock.h>)
  target_compile_definitions(prm_test PRIVATE PRM_PROGRAM="$<TARGET_FILE:prm_program>"
    PRM_FAKE_CUDA="${PRM_FAKE_CUDA}" PRM_SEEDED_FIRST="$<TARGET_FILE:seeded_first>")
  add_executable(seeded_first tests/model/kernels/fake_cuda/seeded_first.cc)
  target_link_libraries(seeded_first PRIVATE prm_model prm_libtorch)
  add_dependencies(prm_test prm_program seeded_first fake_cuda_driver fake_cuda_hooks)
endif()

# Installs into a temporary prefix, builds a consumer against it and runs the consumer.
if(TARGET prm_program)
  add_test(NAME install_consumer COMMAND "${CMAKE_COMMAND}"
    "-DSOURCE=${PROJECT_SOURCE_DIR}/tests/install_consumer" "-DBUILD=${PROJECT_BINARY_DIR}"
    "-DGENERATOR=${CMAKE_GENERATOR}" -P "${PROJECT_SOURCE_DIR}/tests/install_consumer/run.cmake")
  set_tests_properties(install_consumer PROPERTIES TIMEOUT 900)
endif()

# --- fuzz targets ------------------------------------------------------------------------------
# Each tests/fuzz/NAME_fuzz.cc defines LLVMFuzzerTestOneInput; seeds are in tests/fuzz/seeds/NAME/.
# With clang and PRM_LIBFUZZER it is a libFuzzer program, else tests/fuzz/standalone_main.cc drives it.
option(PRM_LIBFUZZER "Link the fuzz targets with libFuzzer (clang only)" OFF)
set(PRM_FUZZ_SECONDS 5 CACHE STRING "Seconds that CTest spends on each fuzz target")
file(GLOB _prm_fuzz CONFIGURE_DEPENDS tests/fuzz/*_fuzz.cc)
foreach(source ${_prm_fuzz})
  get_filename_component(name "${source}" NAME_WE)
  string(REPLACE "_fuzz" "" topic "${name}")
  add_executable(${name} "${source}")
  target_compile_options(${name} PRIVATE ${PRM_WARNINGS})
  target_link_libraries(${name} PRIVATE prm_model prm_data)
  if(PRM_LIBFUZZER)
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  else()
    target_sources(${name} PRIVATE tests/fuzz/standalone_main.cc)
    target_link_libraries(${name} PRIVATE prm_coverage)
  endif()
  add_test(NAME fuzz.${topic} COMMAND ${name} -max_total_time=${PRM_FUZZ_SECONDS} -seed=1
    "${PROJECT_SOURCE_DIR}/tests/fuzz/seeds/${topic}")
endforeach()
