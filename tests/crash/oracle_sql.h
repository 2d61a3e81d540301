/* tests/crash/oracle_sql.h - what holds of every database of berth, asked of the file itself. */
#ifndef TESTS_CRASH_ORACLE_SQL_H
#define TESTS_CRASH_ORACLE_SQL_H

#include "tests/crash/oracle.h"

/* DIRECTORY's database, which nobody has open: whole, each thing once, no half registration. */
void oracle_sql(const char *directory, struct verdict *v);

#endif
