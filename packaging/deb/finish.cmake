# Run by CPack over what it is about to pack: documentation in the form that Debian keeps it in.
set(root ${CPACK_TEMPORARY_INSTALL_DIRECTORY})
string(TIMESTAMP day "%a, %d %b %Y %H:%M:%S +0000" UTC) # of SOURCE_DATE_EPOCH, where that is set

function(compress)
    if(ARGN)
        execute_process(COMMAND gzip -9nf ${ARGN} COMMAND_ERROR_IS_FATAL ANY)
    endif()
endfunction()

foreach(package berth libberth-dev)
    set(usr ${root}/${package}/usr)
    set(changelog ${usr}/share/doc/${package}/changelog.Debian)
    file(WRITE ${changelog} "berth (${CPACK_DEBIAN_PACKAGE_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE}) stable; urgency=medium

  * Built from the sources of this version; what is new is in the package
    berth, /usr/share/doc/berth/changelog.gz.

 -- ${CPACK_PACKAGE_CONTACT}  ${day}
")
    file(CHMOD ${changelog} PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
    if(EXISTS ${usr}/share/doc/${package}/CHANGELOG.md)
        file(RENAME ${usr}/share/doc/${package}/CHANGELOG.md ${usr}/share/doc/${package}/changelog)
        compress(${usr}/share/doc/${package}/changelog)
    endif()
    file(GLOB pages ${usr}/share/man/man*/*.[1-9])
    compress(${changelog} ${pages})
    # Debian's zsh looks into the second
    if(EXISTS ${usr}/share/zsh/vendor-completions)
        file(REMOVE_RECURSE ${usr}/share/zsh/site-functions)
    elseif(EXISTS ${usr}/share/zsh/site-functions)
        file(RENAME ${usr}/share/zsh/site-functions ${usr}/share/zsh/vendor-completions)
    endif()
endforeach()
