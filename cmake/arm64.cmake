# Builds for arm64 on another machine: Debian's cross compiler (or clang), and the
# libraries that tools/arm64_root.sh unpacked. What is run while building, and the tests, run under qemu.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)

set(LAGOON_ARM64_ROOT ${CMAKE_CURRENT_LIST_DIR}/../build/arm64-root CACHE PATH "What tools/arm64_root.sh has made")
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES LAGOON_ARM64_ROOT)
get_filename_component(lg_root ${LAGOON_ARM64_ROOT} ABSOLUTE)
if(NOT EXISTS ${lg_root}/.complete)
  message(FATAL_ERROR "${lg_root} is not there or not complete: run tools/arm64_root.sh")
endif()

if(NOT CMAKE_C_COMPILER)
  set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
  set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
endif()
set(CMAKE_C_COMPILER_TARGET aarch64-linux-gnu) # For clang.
set(CMAKE_CXX_COMPILER_TARGET aarch64-linux-gnu)
set(CMAKE_LINKER aarch64-linux-gnu-ld CACHE FILEPATH "What makes one object of many")
set(CMAKE_SYSROOT ${lg_root})
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64 -L ${lg_root})

# Tools are the machine's; whatever is compiled or linked is the root's.
set(CMAKE_FIND_ROOT_PATH ${lg_root})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(ENV{PKG_CONFIG_SYSROOT_DIR} ${lg_root})
set(ENV{PKG_CONFIG_LIBDIR} ${lg_root}/usr/lib/aarch64-linux-gnu/pkgconfig:${lg_root}/usr/share/pkgconfig)
