/* tests/crash/oracle.h - opens what a fault has left and compares it with what was told. */
#ifndef TESTS_CRASH_ORACLE_H
#define TESTS_CRASH_ORACLE_H

#include "tests/crash/scenario.h"

struct verdict {
    unsigned told, kept; /* promises made before the fault, and those that hold */
    unsigned doubled;    /* devices, registrations or operations that are there twice */
    char problem[288];   /* does not open, is damaged, half of something: the first such thing */
};

/* The files in DIRECTORY after a fault at step AT of S. Registers every device again: it gets the
 * hub that it was told. Adds to *V. */
void oracle_judge(enum scenario s, const struct story *story, size_t at, const char *directory,
                  struct verdict *v);

#endif
