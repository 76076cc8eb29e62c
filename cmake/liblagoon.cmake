# liblagoon: what applications link. src/lib over the client's modules and the uv driver; nothing of
# RocksDB, no C++; TLS by OpenSSL. Three forms: lg_lib for our own programs and tests, the shared library that
# exports lagoon_* and nothing else, and a static one whose other symbols are local.

lg_sources(${CMAKE_SOURCE_DIR}/src/lib lg_lib_sources)
add_library(lg_lib STATIC ${lg_lib_sources})
target_include_directories(lg_lib PUBLIC ${CMAKE_SOURCE_DIR}/include)
target_link_libraries(lg_lib PUBLIC lg_client lg_drv_uv lg_drv_openssl lg_flags)

set(LG_LIB_SOVERSION 0)
add_library(liblagoon SHARED ${lg_lib_sources})
target_include_directories(liblagoon PUBLIC ${CMAKE_SOURCE_DIR}/include)
target_link_libraries(liblagoon PRIVATE lg_client lg_drv_uv lg_drv_openssl lg_flags)
set_target_properties(liblagoon PROPERTIES OUTPUT_NAME lagoon VERSION ${PROJECT_VERSION}
                      SOVERSION ${LG_LIB_SOVERSION}
                      LINK_DEPENDS ${CMAKE_SOURCE_DIR}/cmake/liblagoon.map)
target_link_options(liblagoon PRIVATE -Wl,--as-needed -Wl,--gc-sections
                    -Wl,--version-script=${CMAKE_SOURCE_DIR}/cmake/liblagoon.map)

# The static one: every object that the library needs becomes one, in which only lagoon_* is global.
set(lg_lib_archives "")
foreach(module ${LG_MODULES})
  get_target_property(type lg_${module} TYPE)
  if(type STREQUAL STATIC_LIBRARY)
    list(APPEND lg_lib_archives lg_${module})
  endif()
  if(module STREQUAL client)
    break()
  endif()
endforeach()
list(APPEND lg_lib_archives lg_drv_uv lg_drv_openssl llhttp)
set(lg_lib_files "")
foreach(archive ${lg_lib_archives})
  list(APPEND lg_lib_files $<TARGET_FILE:${archive}>)
endforeach()
add_custom_command(
  OUTPUT ${CMAKE_BINARY_DIR}/liblagoon.a
  COMMAND ${CMAKE_COMMAND} -E rm -f liblagoon.o liblagoon.a
  COMMAND ${CMAKE_LINKER} -r -o liblagoon.o --whole-archive $<TARGET_FILE:lg_lib>
          --no-whole-archive --start-group ${lg_lib_files} --end-group
  COMMAND ${CMAKE_OBJCOPY} --wildcard "--keep-global-symbol=lagoon_*" liblagoon.o
  COMMAND ${CMAKE_AR} rcs liblagoon.a liblagoon.o
  DEPENDS lg_lib ${lg_lib_archives}
  WORKING_DIRECTORY ${CMAKE_BINARY_DIR}
  VERBATIM)
add_custom_target(liblagoon_static ALL DEPENDS ${CMAKE_BINARY_DIR}/liblagoon.a)

# The prefix follows the file, so that an installed tree may be moved.
include(GNUInstallDirs)
file(RELATIVE_PATH LG_PC_PREFIX /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
configure_file(${CMAKE_SOURCE_DIR}/cmake/lagoon.pc.in ${CMAKE_BINARY_DIR}/lagoon.pc @ONLY)

# Two components, for packages: what programs need at run time, and what builds them.
install(TARGETS liblagoon LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT runtime
        NAMELINK_COMPONENT dev)
install(FILES ${CMAKE_BINARY_DIR}/liblagoon.a DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT dev)
install(FILES ${CMAKE_BINARY_DIR}/lagoon.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig
        COMPONENT dev)
install(DIRECTORY ${CMAKE_SOURCE_DIR}/include/lagoon DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
        COMPONENT dev FILES_MATCHING PATTERN "*.h")
