# Functions for the folders' CMakeLists.txt:
#
#   rbk_library(NAME SOURCES a.c b.c LINK rbk_core rbk_dep_uv)   a static library
#   rbk_executable(NAME SOURCES main.c LINK …)                   a program in build/*/bin, installed
#   rbk_driver_module(NAME SOURCES module.c LINK …)              NAME.so, which rbk loads, beside rbk
#   rbk_unit_test(NAME SOURCES x_test.c LINK …)                  a Check program, label `unit`
#   rbk_test_program(NAME SOURCES x.c LINK …)                    a helper program for tests
#   rbk_script_test(NAME LABEL golden [TIMEOUT s] [COST s] COMMAND …)   a script, label as given; those that
#                                   cost most begin first, so that none is left over at the end
#   rbk_fuzz_target(NAME SOURCES x.c LINK …)                     libFuzzer, only with RBK_FUZZ
#   rbk_generated(FILE …)                                        relaxes warnings on generated C
#   rbk_add_folders(FOLDER …)                                    those of them that exist

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_INCLUDE_CURRENT_DIR OFF)

find_program(RBK_CCACHE ccache)
if(RBK_CCACHE AND NOT CMAKE_C_COMPILER_LAUNCHER)
  set(CMAKE_C_COMPILER_LAUNCHER "${RBK_CCACHE}")
endif()

# What every target of ours is compiled and linked with.
add_library(rbk_flags INTERFACE)
target_include_directories(rbk_flags INTERFACE "${PROJECT_SOURCE_DIR}")
target_compile_definitions(rbk_flags INTERFACE _GNU_SOURCE RBK_VERSION="${PROJECT_VERSION}"
                                                RBK_STDLIB_DIR="${RBK_STDLIB_DIR}")
target_compile_options(
  rbk_flags
  INTERFACE -Wall
            -Wextra
            -Wconversion
            -Wshadow
            -Wstrict-prototypes
            -Wmissing-prototypes
            -Wvla
            -Wformat=2
            -Werror
            -fno-strict-aliasing # libuv's handles are cast to their base types
            -fno-common
            -fno-omit-frame-pointer
            -ffile-prefix-map=${PROJECT_SOURCE_DIR}/= # the same binary from any checkout
            $<$<NOT:$<CONFIG:Debug>>:-fstack-protector-strong>)

find_program(RBK_MOLD mold)
if(RBK_MOLD)
  target_link_options(rbk_flags INTERFACE -fuse-ld=mold)
endif()

if(RBK_SANITIZE)
  target_compile_options(rbk_flags INTERFACE -fsanitize=address,undefined
                                             -fno-sanitize-recover=all)
  target_link_options(rbk_flags INTERFACE -fsanitize=address,undefined)
else()
  target_compile_definitions(rbk_flags INTERFACE $<$<NOT:$<CONFIG:Debug>>:_FORTIFY_SOURCE=2>)
endif()
if(RBK_COVERAGE)
  target_compile_options(rbk_flags INTERFACE --coverage)
  target_link_options(rbk_flags INTERFACE --coverage)
endif()
if(RBK_FUZZ)
  if(NOT CMAKE_C_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "RBK_FUZZ needs clang: cmake --preset fuzz")
  endif()
  target_compile_options(rbk_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

function(rbk_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LINK")
  add_library(${name} STATIC ${arg_SOURCES})
  target_link_libraries(${name} PUBLIC rbk_flags ${arg_LINK})
endfunction()

# What `./dev build` builds: the programs, not the tests.
add_custom_target(rbk_programs)

function(rbk_executable name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LINK")
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE rbk_flags ${arg_LINK})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")
  add_dependencies(rbk_programs ${name})
  install(TARGETS ${name} RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
endfunction()

# A file that rbk loads while it runs. It has its own copy of what it calls and shows one name only.
# --as-needed: it shall bring the library it exists for, and not those of all drivers.
function(rbk_driver_module name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LINK")
  add_library(${name} MODULE ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE rbk_flags ${arg_LINK})
  target_link_options(${name} PRIVATE -Wl,--exclude-libs,ALL -Wl,--as-needed)
  set_target_properties(${name} PROPERTIES PREFIX "" LIBRARY_OUTPUT_DIRECTORY
                                                     "${PROJECT_BINARY_DIR}/bin")
  add_dependencies(rbk_programs ${name})
  install(TARGETS ${name} LIBRARY DESTINATION "${CMAKE_INSTALL_LIBEXECDIR}/rbk")
endfunction()

function(rbk_test_program name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LINK")
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE rbk_flags ${arg_LINK})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY
                                           "${PROJECT_BINARY_DIR}/tests/bin")
endfunction()

# What a test may rely on: where the programs and the sources are, and a plain locale. The four seconds
# that Check gives a test are too few on a busy machine.
function(rbk_test_environment name)
  set_tests_properties(
    ${name}
    PROPERTIES
      ENVIRONMENT
      "LC_ALL=C;TZ=UTC;CK_DEFAULT_TIMEOUT=30;RBK_BIN=${PROJECT_BINARY_DIR}/bin;RBK_SOURCE=${PROJECT_SOURCE_DIR};RBK_TEST_BIN=${PROJECT_BINARY_DIR}/tests/bin;RBK_STDLIB=${PROJECT_SOURCE_DIR}/stdlib;UBSAN_OPTIONS=print_stacktrace=1;ASAN_OPTIONS=allocator_may_return_null=1"
  )
endfunction()

function(rbk_unit_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LINK")
  rbk_test_program(${name} SOURCES ${arg_SOURCES} LINK ${arg_LINK} rbk_dep_check)
  add_test(NAME ${name} COMMAND ${name})
  rbk_test_environment(${name})
  set_tests_properties(${name} PROPERTIES LABELS unit TIMEOUT 60)
endfunction()

function(rbk_script_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "LABEL;TIMEOUT;COST" "COMMAND")
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 300)
  endif()
  add_test(NAME ${name} COMMAND ${arg_COMMAND} WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}")
  rbk_test_environment(${name})
  set_tests_properties(${name} PROPERTIES LABELS "${arg_LABEL}" TIMEOUT ${arg_TIMEOUT}
                                          SKIP_RETURN_CODE 77)
  if(arg_COST)
    set_tests_properties(${name} PROPERTIES COST ${arg_COST})
  endif()
endfunction()

function(rbk_fuzz_target name)
  if(RBK_FUZZ)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LINK")
    rbk_test_program(${name} SOURCES ${arg_SOURCES} LINK ${arg_LINK})
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  endif()
endfunction()

function(rbk_generated)
  set_source_files_properties(
    ${ARGN} PROPERTIES GENERATED ON COMPILE_OPTIONS
                       "-Wno-conversion;-Wno-sign-conversion;-Wno-missing-prototypes;-Wno-shadow")
endfunction()

function(rbk_add_folders)
  foreach(folder IN LISTS ARGN)
    if(EXISTS "${CMAKE_CURRENT_SOURCE_DIR}/${folder}/CMakeLists.txt")
      add_subdirectory(${folder})
    endif()
  endforeach()
endfunction()
