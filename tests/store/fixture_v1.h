/* tests/store/fixture_v1.h - a database as schema version 1 wrote it. Frozen: it stands for the
 * ones that are out there. Its key file is the bytes 0 to 31. */
#ifndef TESTS_STORE_FIXTURE_V1_H
#define TESTS_STORE_FIXTURE_V1_H

#include <sys/stat.h>

#include "tests/store/opened.h"

#define FIXTURE_V1_TABLE(name)                                                                     \
    "CREATE TABLE " name " (id INTEGER PRIMARY KEY, scope TEXT NOT NULL, key TEXT NOT NULL,"       \
    " name TEXT NOT NULL, owner TEXT NOT NULL, tag INTEGER NOT NULL, version INTEGER NOT NULL,"    \
    " created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL, secret BLOB, body TEXT NOT NULL,"  \
    " UNIQUE (scope, key));"

/* clang-format off */
static const char *const fixture_v1[] = {
    "PRAGMA application_id=1651668072; PRAGMA user_version=1;",
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;",
    "INSERT INTO meta VALUES ('version', 41), ('key_check',"
    " x'0159d01355ddee7fd7ec0f8c5f9d357f0718c3b31d6261dcbe0c44e24e5a2b90065c31da00c4eaafec1c0c41');",
    FIXTURE_V1_TABLE("setting"),
    FIXTURE_V1_TABLE("policy"),
    FIXTURE_V1_TABLE("hub"),
    FIXTURE_V1_TABLE("enrollment_group"),
    FIXTURE_V1_TABLE("enrollment"),
    FIXTURE_V1_TABLE("registration"),
    FIXTURE_V1_TABLE("device"),
    "INSERT INTO enrollment_group VALUES (1, '', 'mylegacydevices', 'MyLegacyDevices', '', 1, 7, 1000,"
    " 2000, x'012e26ecddb61a70d8e76779f712093af03ddf1f9de7b678d16c29a38013097744"
    "b1bdb1eee9e12f1a3864b56aa48834ef474ab4', '{}');",
    "INSERT INTO registration VALUES (1, '', 'sn-007', 'SN-007', 'mylegacydevices', 0, 40, 1, 2, NULL,"
    " '{\"status\":\"assigned\"}');",
    "INSERT INTO device VALUES (5, 'hub.example', 'sn-007', 'sn-007', '', 1, 41, 1, 2,"
    " x'017b00fc336aa348f29baafe94517f9ca69f82702723678e2d56f7c1cb449f61"
    "d69dffde907210dc0d94a14b706f685b7b08904322', '{}');",
};
/* clang-format on */

#define FIXTURE_V1_LAST_VERSION  41
#define FIXTURE_V1_GROUP_SECRET  "an old group's key pair"
#define FIXTURE_V1_DEVICE_SECRET "an old device's key pair"

static inline void fixture_v1_make(struct scratch *dir)
{
    uint8_t key[32];

    scratch_make(dir);
    for (size_t i = 0; i < sizeof key; i++)
        key[i] = (uint8_t)i;
    scratch_write(scratch_file(dir, "store.key"), key, sizeof key);
    MUST(chmod(scratch_file(dir, "store.key"), 0600) == 0);
    for (size_t i = 0; i < sizeof fixture_v1 / sizeof fixture_v1[0]; i++)
        opened_sql(dir, fixture_v1[i]);
}

#endif
