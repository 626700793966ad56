# `cmake --install`: the program, the libraries as prm::data, prm::model, prm::train, prm::serve and
# their headers under include/prm.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(_prm_package "${CMAKE_INSTALL_LIBDIR}/cmake/prm")

install(TARGETS prm_program RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
install(TARGETS prm_data prm_kernels prm_model prm_train prm_proto prm_serve EXPORT prmTargets
  ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
if(TARGET prm_cuda)
  install(TARGETS prm_cuda prm_cuda_graph LIBRARY DESTINATION "${CMAKE_INSTALL_BINDIR}")
endif()
foreach(folder data model train serve)
  install(DIRECTORY ${folder}/ DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/prm/${folder}"
    FILES_MATCHING PATTERN "*.h")
endforeach()
install(DIRECTORY "${PROJECT_BINARY_DIR}/proto/" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/prm/proto"
  FILES_MATCHING PATTERN "*.h")
install(FILES "${PRM_SENTENCEPIECE_ROOT}/lib/libsentencepiece.a"
  DESTINATION "${CMAKE_INSTALL_LIBDIR}/prm/lib")
install(EXPORT prmTargets NAMESPACE prm:: DESTINATION "${_prm_package}")

configure_package_config_file(cmake/prmConfig.cmake.in "${PROJECT_BINARY_DIR}/prmConfig.cmake"
  INSTALL_DESTINATION "${_prm_package}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/prmConfigVersion.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/prmConfig.cmake" "${PROJECT_BINARY_DIR}/prmConfigVersion.cmake"
  cmake/LibTorch.cmake cmake/PrmDependencies.cmake DESTINATION "${_prm_package}")
