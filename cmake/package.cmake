# The Debian packages, by CPack: berth (daemon, command line, unit) and libberth-dev. What only they bring is in the component
# "debian", which a plain `make install` leaves alone. tools/deb builds them.
set(here ${CMAKE_SOURCE_DIR}/packaging)
set(debian COMPONENT debian EXCLUDE_FROM_ALL)
# Messages name docs/errors.md and others.
file(GLOB pages CONFIGURE_DEPENDS docs/*.md)
install(FILES ${pages} DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/berth/docs)
install(DIRECTORY docs/json DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/berth/docs)
install(FILES ${here}/berth.service DESTINATION lib/systemd/system ${debian})
install(FILES ${here}/berth.conf DESTINATION /etc/berth ${debian})
# Laid out as in the repository, so that their links lead somewhere.
install(FILES README.md CHANGELOG.md CONTRIBUTING.md SECURITY.md ${here}/deb/copyright
    DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/berth ${debian})
install(DIRECTORY docs/internals docs/performance DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/berth/docs ${debian})
install(DIRECTORY examples DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/berth ${debian}
    PATTERN node_modules EXCLUDE)
install(FILES ${here}/deb/copyright DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/libberth-dev
    COMPONENT development-doc EXCLUDE_FROM_ALL)

set(BERTH_MAINTAINER "The berth maintainers <berth@packages.invalid>" CACHE STRING "name and address in the packages")
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME berth)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "") # else the first line of both
set(CPACK_PACKAGE_CONTACT ${BERTH_MAINTAINER})
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES TRUE)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_PRE_BUILD_SCRIPTS ${here}/deb/finish.cmake)

# What names no component is the program and what goes with it.
set(CPACK_COMPONENTS_ALL Unspecified debian development development-doc)
set(CPACK_COMPONENT_UNSPECIFIED_GROUP berth)
set(CPACK_COMPONENT_DEBIAN_GROUP berth)
set(CPACK_COMPONENT_DEVELOPMENT_GROUP libberth-dev)
set(CPACK_COMPONENT_DEVELOPMENT-DOC_GROUP libberth-dev)
set(CPACK_DEB_COMPONENT_INSTALL TRUE)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION TRUE)

set(CPACK_DEBIAN_BERTH_PACKAGE_NAME berth)
set(CPACK_DEBIAN_BERTH_PACKAGE_SECTION net)
set(CPACK_DEBIAN_BERTH_PACKAGE_SHLIBDEPS TRUE)
set(CPACK_DEBIAN_BERTH_PACKAGE_DEPENDS adduser)
set(CPACK_DEBIAN_BERTH_PACKAGE_CONTROL_EXTRA
    ${here}/deb/postinst ${here}/deb/prerm ${here}/deb/postrm ${here}/deb/conffiles)
set(CPACK_DEBIAN_BERTH_DESCRIPTION "on-premises provisioning for legacy devices
berth gives a device that is known only by its MAC address or serial number a
verified identity and a hub to work in, on your own machines. It speaks the
wire protocols of the Azure IoT Hub Device Provisioning Service and of IoT
Hub, so firmware and tools built on the official SDKs work unchanged.

This package brings the daemon, as a service, and the command line.")

set(CPACK_DEBIAN_LIBBERTH-DEV_PACKAGE_NAME libberth-dev)
set(CPACK_DEBIAN_LIBBERTH-DEV_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_LIBBERTH-DEV_PACKAGE_DEPENDS libssl-dev)
set(CPACK_DEBIAN_LIBBERTH-DEV_DESCRIPTION "device library for berth and Azure DPS: headers, static library
libberth derives device keys, signs tokens and provisions a device in C. Its
core neither allocates memory nor does I/O.

This package brings headers, a static library, and files for pkg-config and
CMake.")
include(CPack)
