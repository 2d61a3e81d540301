/* berth/version.h - the version of libberth and of everything built beside it. */
#ifndef BERTH_VERSION_H
#define BERTH_VERSION_H

#define BERTH_VERSION "0.1.0"

#endif
