# Each NAME_bench.cc is a separate program, one per question; prm_test runs the drivers on a tiny
# model.

# It counts and measures no time, so it needs no Google Benchmark.
add_executable(audit_bench bench/symbolic/audit_bench.cc bench/symbolic/audit.cc tests/source_dir.cc)
target_compile_options(audit_bench PRIVATE ${PRM_WARNINGS})
target_link_libraries(audit_bench PRIVATE prm_data)

find_package(benchmark QUIET)
if(NOT benchmark_FOUND)
  message(STATUS "Benches of speed: not built (no Google Benchmark)")
  return()
endif()
# Benches that include gRPC. The others may include LibTorch, whose folder has old protobuf headers.
set(PRM_GRPC_BENCHES serving_bench)

file(GLOB _prm_benches CONFIGURE_DEPENDS bench/*_bench.cc)
foreach(source ${_prm_benches})
  get_filename_component(name "${source}" NAME_WE)
  add_executable(${name} "${source}" tests/source_dir.cc)
  target_compile_options(${name} PRIVATE ${PRM_WARNINGS})
  target_link_libraries(${name} PRIVATE benchmark::benchmark)
  if(name IN_LIST PRM_GRPC_BENCHES)
    target_link_libraries(${name} PRIVATE prm_serve prm_proto)
  else()
    target_link_libraries(${name} PRIVATE prm_serve prm_train prm_model prm_data prm_libtorch)
  endif()
endforeach()

if(TARGET prm_test)
  target_compile_definitions(prm_test PRIVATE PRM_BENCHES)
  add_dependencies(prm_test audit_bench training_bench scoring_bench works_bench)
endif()

# Rehearses scripts/gpu_day, tiny, on the CPU: each command exists, accepts its flags and succeeds.
if(PRM_TESTS)
  add_test(NAME scripts.gpu_day_rehearsal
    COMMAND "${PROJECT_SOURCE_DIR}/scripts/gpu_day" rehearse "${PROJECT_BINARY_DIR}")
  set_tests_properties(scripts.gpu_day_rehearsal PROPERTIES TIMEOUT 300)
endif()
