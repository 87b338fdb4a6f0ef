# Language, warnings, hardening and sanitizers: the same for every target.
set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)              # gnu17: uv.h does not compile as plain c17
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

option(FIRSTLINE_WERROR "warnings are errors" ON)
set(FIRSTLINE_SANITIZE "" CACHE STRING "sanitizers, for example address,undefined")
option(FIRSTLINE_FUZZ "build the libFuzzer targets (clang)" OFF)
option(FIRSTLINE_FAULTS "faults and broken twins on command, for the tests (lib/base/fault.h); never in a release" OFF)

add_compile_options(-Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes
    -Wcast-qual -Wformat=2 -Wvla -fno-omit-frame-pointer)
if(FIRSTLINE_WERROR)
    add_compile_options(-Werror)
endif()
add_compile_definitions(_GNU_SOURCE)
include_directories(${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR}/generated)

if(FIRSTLINE_SANITIZE)
    add_compile_options(-fsanitize=${FIRSTLINE_SANITIZE} -fno-sanitize-recover=all)
    add_link_options(-fsanitize=${FIRSTLINE_SANITIZE})
    add_compile_definitions(FIRSTLINE_SANITIZED=1)
endif()
if(FIRSTLINE_FUZZ)
    add_compile_options(-fsanitize=fuzzer-no-link)  # coverage for libFuzzer; only the targets link its main
endif()
if(CMAKE_BUILD_TYPE STREQUAL "Release" OR CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo")
    add_compile_options(-fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
    add_link_options(-Wl,-z,relro,-z,now -pie)
endif()
string(REPLACE "-DNDEBUG" "" CMAKE_C_FLAGS_RELEASE "${CMAKE_C_FLAGS_RELEASE}")   # assertions stay on
string(REPLACE "-DNDEBUG" "" CMAKE_C_FLAGS_RELWITHDEBINFO "${CMAKE_C_FLAGS_RELWITHDEBINFO}")
if(FIRSTLINE_FAULTS)
    add_compile_definitions(FIRSTLINE_FAULTS=1)
endif()
