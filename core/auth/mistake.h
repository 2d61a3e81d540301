/* auth/mistake.h - the mistakes that forensics tells apart: what the operator reads, what helps.
 * One row a mistake; docs/errors.md has an entry for each (checked). No device is ever told. */
#ifndef BERTH_AUTH_MISTAKE_H
#define BERTH_AUTH_MISTAKE_H

#include <stdbool.h>

/* name, what the operator reads, remedy */
#define BERTH_MISTAKES(X)                                                                          \
    /* in deriving the device's key */                                                             \
    X(GROUP_KEY_TEXT,                                                                              \
      "the device's key was derived with the group key's base64 text instead of its bytes",        \
      "decode the group key from base64 before HMAC; `berth key derive` does")                     \
    X(GROUP_KEY_TEXT_UNPADDED,                                                                     \
      "the device's key was derived with the group key's base64 text, its '=' cut off, instead "   \
      "of its bytes",                                                                              \
      "decode the group key, with its '=', from base64 before HMAC; `berth key derive` does")      \
    X(ID_UPPER_CASE,                                                                               \
      "the device's key was derived from the registration ID in upper case, and the device sends " \
      "another spelling",                                                                          \
      "derive from the ID exactly as the device sends it")                                         \
    X(ID_LINE_FEED,                                                                                \
      "the device's key was derived from the registration ID with a line feed behind it",          \
      "use printf '%s' or echo -n instead of echo, and strip lines that are read from a file")     \
    X(ID_CR_LF, "the device's key was derived from the registration ID with CR LF behind it",      \
      "strip the line end of a Windows file before deriving")                                      \
    X(ID_QUOTED, "the device's key was derived from the registration ID in double quotes",         \
      "take the quotes off; they belong to CSV or to the shell")                                   \
    X(ID_UTF16, "the device's key was derived from the registration ID as UTF-16",                 \
      "use the ID's UTF-8 bytes: [Text.Encoding]::UTF8 instead of ::Unicode in PowerShell and C#") \
    X(HMAC_SWAPPED, "the device's key was derived with HMAC's key and message swapped",            \
      "the group key is HMAC's key, the registration ID its message")                              \
    X(SHA256_NO_HMAC, "the device's key is SHA-256 of group key and registration ID, not HMAC",    \
      "use HMAC-SHA256; `berth key derive` does")                                                  \
    X(DERIVED_TWICE, "the device's key was derived twice: the right one was used as a group key",  \
      "derive once; the device signs with the derived key as it is")                               \
    X(GROUP_KEY_USED, "signed with the group's key itself",                                        \
      "derive the device's own key with `berth key derive`, and keep the group key off devices")   \
    X(ENROLLMENT_KEY_DERIVED,                                                                      \
      "the key was derived from the individual enrollment's key as if that were a group's",        \
      "use the key of an individual enrollment as it is")                                          \
    /* in the token */                                                                             \
    X(SIGNED_WITH_TEXT, "signed with the key's base64 text instead of its bytes",                  \
      "decode the device's key from base64 before signing")                                        \
    X(SIGNED_WITH_HEX, "signed with the key's hex text instead of its bytes",                      \
      "decode the device's key before signing")                                                    \
    X(SIGNED_DECODED, "signed over the plain sr, but the token carries it percent-encoded",        \
      "sign exactly the sr that is sent")                                                          \
    X(SIGNED_ENCODED, "signed over the percent-encoded sr, but the token carries it plain",        \
      "sign exactly the sr that is sent")                                                          \
    X(SIGNED_OTHER_HEX, "signed over sr with its escapes in another letter case than it is sent",  \
      "sign exactly the sr that is sent: %2f and %2F differ")                                      \
    X(LINE_FEED_MISSING, "signed over sr and se without the line feed between them",               \
      "sign sr, one line feed, se")                                                                \
    X(LINE_FEED_IS_CR_LF, "signed over sr and se with CR LF between them",                         \
      "sign sr, one line feed, se; no CR")                                                         \
    X(PLUS_BECAME_BLANK, "a '+' of the signature became a blank: it was not percent-encoded",      \
      "percent-encode sig: '+' as %2B, '/' as %2F, '=' as %3D")                                    \
    X(SIG_ENCODED_TWICE, "the signature is percent-encoded twice",                                 \
      "encode sig once; the SDK or HTTP library may do it already")                                \
    X(BLANK_AT_END, "a blank or a line end stands behind the token",                               \
      "strip the token where it is read or pasted")                                                \
    X(EXPIRED_BY, "the token has expired", "set the device's clock, or give tokens a longer life") \
    X(EXPIRED_LOCAL_TIME,                                                                          \
      "the token expired a whole number of half hours ago: the device may take local time for "    \
      "UTC",                                                                                       \
      "compute se from UTC")                                                                       \
    X(SR_OTHER_SCOPE, "the token's sr names another ID scope",                                     \
      "sign with the ID scope that `berth service show` prints")                                   \
    X(SR_OTHER_ID, "the token's sr names another registration ID: it is another device's token",   \
      "sign {ID scope}/registrations/ and the ID that the device registers with")                  \
    X(SR_OF_HUB, "the token's sr names a hub: it is a token for {hub}/devices/{id}",               \
      "provision with a token for {ID scope}/registrations/{registration ID}")                     \
    X(SR_OTHER_FORM, "the token's sr is not {ID scope}/registrations/{registration ID}",           \
      "sign {ID scope}/registrations/{registration ID}")                                           \
    /* in what the key is for */                                                                   \
    X(INDIVIDUAL_FIRST,                                                                            \
      "made with a group's key, but the device has an individual enrollment, which comes first",   \
      "delete the individual enrollment, or give the device its key")                              \
    X(KEY_REPLACED, "made with a key that the group had until it was replaced or deleted",         \
      "derive the device's key anew from the group's present key")                                 \
    /* in tokens that are accepted: warnings */                                                    \
    X(SE_MILLISECONDS, "accepted, but se counts milliseconds: the token will never expire",        \
      "divide by 1000: se counts seconds since 1970")                                              \
    X(SE_AHEAD,                                                                                    \
      "accepted, but se is a whole number of half hours ahead, as when local time east "           \
      "of Greenwich is taken for UTC",                                                             \
      "compute se from UTC; nothing to mend when the token is meant to live so long")              \
    X(SE_LONG, "accepted, but the token lives longer than a year",                                 \
      "give tokens a life of hours; whoever copies one can use it until it ends")                  \
    X(GROUP_CHANGED, "accepted, but by another enrollment group than its last registration",       \
      "compare the group keys in use: the device was given that of another group")                 \
    X(DEVICE_SHARED,                                                                               \
      "accepted, but another registration stands for the same device of the hub: the latest one "  \
      "has its keys, and the other one's connection ends",                                         \
      "give one of the two enrollments another deviceId; when one replaced the other, delete the " \
      "registration that is no more")

enum berth_mistake {
    BERTH_MISTAKE_NONE = 0,
#define X(name, text, remedy) BERTH_MISTAKE_##name,
    BERTH_MISTAKES(X)
#undef X
        BERTH_MISTAKE_COUNT
};

struct berth_mistake_row {
    const char *name; /* "ID_LINE_FEED" */
    const char *text; /* for the operator */
    const char *remedy;
};

/* Static; a row of blanks for BERTH_MISTAKE_NONE and beyond the table. */
const struct berth_mistake_row *berth_mistake_row(enum berth_mistake m);
/* Whether it is what a distance in time suggests: that one is a fact, what it comes from is not. */
bool berth_mistake_is_inferred(enum berth_mistake m);

#endif
