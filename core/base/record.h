/* base/record.h - what the registry keeps, in the one form that core decides on and every store can
 * hold. */
#ifndef BERTH_BASE_RECORD_H
#define BERTH_BASE_RECORD_H

#include "base/arena.h"
#include "berth/str.h"

/* Stored as numbers: append only. Policies, groups, enrollments and devices have a key pair as
 * their secret (crypto/key_pair.h). */
enum berth_kind {
    BERTH_KIND_SETTING = 0,      /* key: setting's name */
    BERTH_KIND_POLICY = 1,       /* scope: hub's key, empty for the provisioning service */
    BERTH_KIND_HUB = 2,          /* key: host name in lower case */
    BERTH_KIND_GROUP = 3,        /* key: group ID in lower case */
    BERTH_KIND_ENROLLMENT = 4,   /* key: registration ID in lower case */
    BERTH_KIND_REGISTRATION = 5, /* key: likewise; owner: group's key, empty if individual */
    BERTH_KIND_DEVICE = 6, /* scope: hub's key; key: device ID as given, for case counts there */
    BERTH_KINDS
};

#define BERTH_RECORD_BODY_MAX   (160 * 1024)
#define BERTH_RECORD_SECRET_MAX 256

struct berth_record {
    enum berth_kind kind;
    berth_str scope;
    berth_str key;      /* lookup form */
    berth_str name;     /* as first given */
    berth_str owner;    /* what it can be listed by besides its key */
    int32_t tag;        /* what it can be counted by; the kind's codec says what it means */
    uint64_t version;   /* given by the store at each commit, never twice; 0 on the way in */
    int64_t created_ms; /* set by the store at the first write, kept on later ones */
    int64_t updated_ms; /* set by the store at each write */
    berth_str body;     /* JSON, no secrets */
    berth_str secret;   /* in clear here, sealed at rest; wiped by the store after use */
};

/* A copy in A, for decoders that borrow. The secret is not copied: they take keys out of it. */
BERTH_MUST_USE berth_err berth_record_dup(struct berth_arena *a, const struct berth_record *rec,
                                          struct berth_record *out);

enum berth_change_type {
    BERTH_CHECK,  /* only refuse the commit when the version differs */
    BERTH_PUT,    /* insert or replace */
    BERTH_DELETE, /* removing what is not there succeeds under BERTH_ANY */
    BERTH_LIMIT,  /* only refuse the commit when there are more than EXPECT of KIND in SCOPE, with
                   * what the steps before it make */
};

#define BERTH_ABSENT  0ull             /* there must be no such record */
#define BERTH_ANY     UINT64_MAX       /* whatever is there, also nothing */
#define BERTH_PRESENT (UINT64_MAX - 1) /* there must be one, of any version */

/* One step of a commit. All steps of a commit happen, or none. */
struct berth_change {
    enum berth_change_type type;
    uint64_t expect;         /* version that the decision was taken on, or one of the above */
    struct berth_record rec; /* CHECK and DELETE use kind, scope and key only, LIMIT no key */
};

#endif
