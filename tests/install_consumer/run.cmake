# cmake -DSOURCE=... -DBUILD=... -DGENERATOR=... -P run.cmake: installs BUILD into a temporary
# prefix, builds SOURCE against it and runs what came out.
set(work "${BUILD}/install_consumer")
file(REMOVE_RECURSE "${work}")

function(run)
  execute_process(COMMAND ${ARGV} RESULT_VARIABLE code COMMAND_ECHO STDOUT)
  if(NOT code EQUAL 0)
    message(FATAL_ERROR "exit ${code}: ${ARGV}")
  endif()
endfunction()

run("${CMAKE_COMMAND}" --install "${BUILD}" --prefix "${work}/prefix")
run("${CMAKE_COMMAND}" -S "${SOURCE}" -B "${work}/build" -G "${GENERATOR}"
  "-DCMAKE_PREFIX_PATH=${work}/prefix" -DCMAKE_BUILD_TYPE=Release)
run("${CMAKE_COMMAND}" --build "${work}/build")
run("${work}/build/consumer")
# The installed program finds its libraries as well.
run("${work}/prefix/bin/prm" --help)
file(REMOVE_RECURSE "${work}")
