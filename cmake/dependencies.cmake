# Each library of others behind one target, rbk_dep_NAME, so that it can be changed in one place.
find_package(PkgConfig REQUIRED)

function(rbk_dependency name module)
  pkg_check_modules(${name} REQUIRED IMPORTED_TARGET GLOBAL ${module})
  add_library(rbk_dep_${name} INTERFACE)
  target_link_libraries(rbk_dep_${name} INTERFACE PkgConfig::${name})
endfunction()

rbk_dependency(jansson jansson)
rbk_dependency(crypto libcrypto)
rbk_dependency(pcre2 libpcre2-8)
rbk_dependency(uv libuv)
rbk_dependency(sqlite sqlite3)
rbk_dependency(pq libpq)
rbk_dependency(curl libcurl)
rbk_dependency(hiredis hiredis)
rbk_dependency(popt popt)
rbk_dependency(microhttpd libmicrohttpd)
rbk_dependency(tinfo tinfo)
if(RBK_TESTS)
  rbk_dependency(check check)
endif()

# libjq has no pkg-config file.
find_path(RBK_JQ_INCLUDE jq.h REQUIRED)
find_library(RBK_JQ_LIBRARY jq REQUIRED)
add_library(rbk_dep_jq INTERFACE)
target_include_directories(rbk_dep_jq SYSTEM INTERFACE "${RBK_JQ_INCLUDE}")
target_link_libraries(rbk_dep_jq INTERFACE "${RBK_JQ_LIBRARY}")

find_package(Threads REQUIRED)
