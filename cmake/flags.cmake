# Warnings are errors; hardening is on by default; sanitizers come from the presets.
set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

add_library(berth_flags INTERFACE)
target_compile_definitions(berth_flags INTERFACE _GNU_SOURCE)
target_compile_options(berth_flags INTERFACE
    -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wpointer-arith
    -Wcast-qual -Wwrite-strings -Wformat=2 -Wundef -Werror
    -fstack-protector-strong -fno-strict-overflow -fno-delete-null-pointer-checks -fvisibility=hidden)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64")
    target_compile_options(berth_flags INTERFACE -fcf-protection=full -fstack-clash-protection)
endif()
target_link_options(berth_flags INTERFACE -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack)

set(BERTH_SANITIZE "" CACHE STRING "sanitizers, e.g. address,undefined or thread")
if(BERTH_SANITIZE)
    add_compile_options(-fsanitize=${BERTH_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    add_link_options(-fsanitize=${BERTH_SANITIZE})
elseif(CMAKE_BUILD_TYPE STREQUAL "Release")
    add_compile_definitions(_FORTIFY_SOURCE=2)
endif()
option(BERTH_COVERAGE "count executed lines and branches" OFF)
if(BERTH_COVERAGE)
    add_compile_options(--coverage -fprofile-update=atomic)
    add_link_options(--coverage)
endif()
include(CheckPIESupported)
check_pie_supported()
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
