# Modules, drivers, tests, fuzz targets and programs. Sources are found by name: foo.c belongs to the
# module, foo_test.c, foo_fuzz.c and foo_bench.c are programs of their own that stand beside it.

set(LG_LAST lg_flags)     # The library the next module links.
set(LG_MODULES "")
set(LG_DRIVERS "")

function(lg_sources dir out)
  file(GLOB files CONFIGURE_DEPENDS ${dir}/*.c ${dir}/*.cc)
  list(FILTER files EXCLUDE REGEX "_(test|fuzz|bench)\\.c$")
  set(${out} ${files} PARENT_SCOPE)
endfunction()

macro(lg_library name dir after foreign)
  lg_sources(${dir} sources)
  if(sources)
    add_library(${name} STATIC ${sources})
    target_link_libraries(${name} PUBLIC ${after} lg_flags ${foreign})
  else() # Headers only.
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE ${after} lg_flags ${foreign})
  endif()
endmacro()

macro(lg_module module)
  cmake_parse_arguments(ARG "" "" "FOREIGN" ${ARGN})
  lg_library(lg_${module} ${CMAKE_SOURCE_DIR}/src/${module} "${LG_LAST}" "${ARG_FOREIGN}")
  set(LG_LAST lg_${module})
  list(APPEND LG_MODULES ${module})
endmacro()

macro(lg_driver driver)
  cmake_parse_arguments(ARG "" "AFTER" "FOREIGN" ${ARGN})
  lg_library(lg_drv_${driver} ${CMAKE_SOURCE_DIR}/src/drivers/${driver} "lg_${ARG_AFTER}"
             "${ARG_FOREIGN}")
  list(APPEND LG_DRIVERS lg_drv_${driver})
endmacro()

# One test program per foo_test.c; one fuzz program per foo_fuzz.c.
function(lg_test_of file after)
  file(RELATIVE_PATH path ${CMAKE_SOURCE_DIR} ${file})
  string(REGEX REPLACE "^src/|\\.c$" "" name ${path})
  string(REPLACE "/" "." name ${name})
  add_executable(${name} ${file})
  target_link_libraries(${name} PRIVATE ${after} lg_testlib PkgConfig::CMOCKA)
  add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES TIMEOUT 300)
endfunction()

function(lg_fuzz_of file after)
  file(RELATIVE_PATH path ${CMAKE_SOURCE_DIR} ${file})
  string(REGEX REPLACE "^src/|\\.c$" "" name ${path})
  string(REPLACE "/" "." name ${name})
  add_executable(${name} ${file})
  target_link_libraries(${name} PRIVATE ${after})
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
endfunction()

macro(lg_tests)
  lg_sources(${CMAKE_SOURCE_DIR}/test/lib testlib_sources)
  if(testlib_sources)
    add_library(lg_testlib STATIC ${testlib_sources})
    target_link_libraries(lg_testlib PUBLIC ${LG_DRIVERS} ${LG_LAST} lg_flags)
  else()
    add_library(lg_testlib INTERFACE)
    target_link_libraries(lg_testlib INTERFACE lg_flags)
  endif()
  foreach(module ${LG_MODULES})
    file(GLOB files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${module}/*_test.c)
    foreach(file ${files})
      lg_test_of(${file} "lg_${module};${LG_DRIVERS}")
    endforeach()
    if(LAGOON_FUZZ)
      file(GLOB files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${module}/*_fuzz.c)
      foreach(file ${files})
        lg_fuzz_of(${file} "lg_${module};${LG_DRIVERS}")
      endforeach()
    endif()
  endforeach()
  foreach(driver ${LG_DRIVERS})
    string(REPLACE "lg_drv_" "" folder ${driver})
    file(GLOB files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/drivers/${folder}/*_test.c)
    foreach(file ${files})
      lg_test_of(${file} "${LG_DRIVERS}")
    endforeach()
    if(LAGOON_FUZZ)
      file(GLOB files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/drivers/${folder}/*_fuzz.c)
      foreach(file ${files})
        lg_fuzz_of(${file} "${LG_DRIVERS}")
      endforeach()
    endif()
  endforeach()
  file(GLOB files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/lib/*_test.c)
  foreach(file ${files})
    lg_test_of(${file} "lg_lib;${LG_DRIVERS}")
  endforeach()
  file(GLOB files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/test/cluster/*_test.c
       ${CMAKE_SOURCE_DIR}/test/process/*_test.c ${CMAKE_SOURCE_DIR}/sim/*_test.c)
  foreach(file ${files})
    lg_test_of(${file} "lg_lib;${LG_DRIVERS};${LG_LAST}")
  endforeach()
  # They run the program itself.
  file(GLOB files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/test/process/*_test.c)
  foreach(file ${files})
    get_filename_component(name ${file} NAME_WE)
    add_dependencies(test.process.${name} lagoon liblagoon liblagoon_static)
  endforeach()
endmacro()

macro(lg_program name dir)
  file(GLOB program_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${dir}/*.c
       ${CMAKE_SOURCE_DIR}/${dir}/checkers/*.c)
  list(FILTER program_sources EXCLUDE REGEX "_(test|fuzz|bench)\\.c$")
  add_executable(${name} ${program_sources})
  target_link_libraries(${name} PRIVATE ${LG_DRIVERS} ${LG_LAST})
endmacro()

# The program, and what it says about itself: manual pages and completions.
macro(lg_install program)
  include(GNUInstallDirs)
  install(TARGETS ${program} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  install(CODE "
    set(pages \"${CMAKE_BINARY_DIR}/pages\")
    set(emulator \"${CMAKE_CROSSCOMPILING_EMULATOR}\")
    execute_process(COMMAND \${emulator} $<TARGET_FILE:${program}> man --write \${pages} COMMAND_ERROR_IS_FATAL ANY)
    foreach(shell bash zsh fish)
      execute_process(COMMAND \${emulator} $<TARGET_FILE:${program}> completion \${shell}
                      OUTPUT_FILE \${pages}/completion.\${shell} COMMAND_ERROR_IS_FATAL ANY)
    endforeach()")
  install(DIRECTORY ${CMAKE_BINARY_DIR}/pages/man1 ${CMAKE_BINARY_DIR}/pages/man5
          DESTINATION ${CMAKE_INSTALL_MANDIR})
  install(FILES ${CMAKE_BINARY_DIR}/pages/completion.bash RENAME ${program}
          DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
  install(FILES ${CMAKE_BINARY_DIR}/pages/completion.zsh RENAME _${program}
          DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions)
  install(FILES ${CMAKE_BINARY_DIR}/pages/completion.fish RENAME ${program}.fish
          DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
endmacro()

# Each bench/<folder>/<name>.c is a program bench.<folder>.<name>; scripts beside it run it.
macro(lg_benches)
  file(GLOB files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/bench/*/*.c)
  foreach(file ${files})
    file(RELATIVE_PATH path ${CMAKE_SOURCE_DIR} ${file})
    string(REGEX REPLACE "\\.c$" "" bench_name ${path})
    string(REPLACE "/" "." bench_name ${bench_name})
    add_executable(${bench_name} ${file})
    target_link_libraries(${bench_name} PRIVATE ${LG_DRIVERS} ${LG_LAST})
  endforeach()
endmacro()

# What bench/read_load is compared with. It needs Debian's libgrpc++-dev, protobuf-compiler and
# protobuf-compiler-grpc; without them there is no such target.
macro(lg_peers)
  pkg_check_modules(GRPCPP QUIET IMPORTED_TARGET grpc++ protobuf)
  find_program(PROTOC protoc)
  find_program(GRPC_CPP_PLUGIN grpc_cpp_plugin)
  if(GRPCPP_FOUND AND PROTOC AND GRPC_CPP_PLUGIN AND NOT LAGOON_SANITIZE)
    set(peer_folder ${CMAKE_BINARY_DIR}/peers)
    file(MAKE_DIRECTORY ${peer_folder})
    set(peer_sources ${peer_folder}/VeniceReadService.pb.cc
                     ${peer_folder}/VeniceReadService.grpc.pb.cc)
    add_custom_command(OUTPUT ${peer_sources}
      COMMAND ${PROTOC} -I ${CMAKE_SOURCE_DIR}/proto --cpp_out ${peer_folder} --grpc_out ${peer_folder}
              --plugin=protoc-gen-grpc=${GRPC_CPP_PLUGIN} ${CMAKE_SOURCE_DIR}/proto/VeniceReadService.proto
      DEPENDS ${CMAKE_SOURCE_DIR}/proto/VeniceReadService.proto)
    add_executable(bench.peers.grpc_rocksdb EXCLUDE_FROM_ALL bench/peers/grpc_rocksdb.cc ${peer_sources})
    target_include_directories(bench.peers.grpc_rocksdb PRIVATE ${peer_folder})
    target_link_libraries(bench.peers.grpc_rocksdb PRIVATE PkgConfig::GRPCPP ${ROCKSDB_LIBRARY})
  endif()
endmacro()

# The C++ one of the clients that tools/clients.py reads a server with; the packages are the above's.
macro(lg_clients)
  if(GRPCPP_FOUND AND PROTOC AND GRPC_CPP_PLUGIN AND NOT LAGOON_SANITIZE)
    set(client_folder ${CMAKE_BINARY_DIR}/clients)
    file(MAKE_DIRECTORY ${client_folder})
    set(client_sources "")
    foreach(proto VeniceReadService lagoon/read/v1/read grpc/health/v1/health grpc/reflection/v1/reflection
            grpc/reflection/v1alpha/reflection)
      set(stubs ${client_folder}/${proto}.pb.cc ${client_folder}/${proto}.grpc.pb.cc)
      add_custom_command(OUTPUT ${stubs}
        COMMAND ${PROTOC} -I ${CMAKE_SOURCE_DIR}/proto --cpp_out ${client_folder} --grpc_out ${client_folder}
                --plugin=protoc-gen-grpc=${GRPC_CPP_PLUGIN} ${CMAKE_SOURCE_DIR}/proto/${proto}.proto
        DEPENDS ${CMAKE_SOURCE_DIR}/proto/${proto}.proto)
      list(APPEND client_sources ${stubs})
    endforeach()
    add_executable(clients.read EXCLUDE_FROM_ALL test/clients/cpp/read.cc ${client_sources})
    target_include_directories(clients.read PRIVATE ${client_folder})
    target_compile_options(clients.read PRIVATE -O0 -g0)
    target_link_libraries(clients.read PRIVATE PkgConfig::GRPCPP PkgConfig::OPENSSL)
  endif()
endmacro()
