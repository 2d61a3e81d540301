#include "backup/tar.h"

#include <assert.h>
#include <string.h>

struct field {
    size_t at, size;
};
static const struct field name_field = { 0, 100 }, mode_field = { 100, 8 }, uid_field = { 108, 8 },
                          gid_field = { 116, 8 }, size_field = { 124, 12 },
                          time_field = { 136, 12 }, sum_field = { 148, 8 };
#define TYPE_AT   156
#define MAGIC_AT  257
#define MAGIC     "ustar\00000"
#define MODE_MAX  07777
#define TIME_MAX  (INT64_C(077777777777))
#define OCTAL_MAX UINT64_C(077777777777) /* what eleven digits hold */

/* Digits and a NUL. */
static void put_octal(uint8_t *block, struct field f, uint64_t v)
{
    block[f.at + f.size - 1] = 0;
    for (size_t i = f.size - 1; i-- > 0; v >>= 3)
        block[f.at + i] = (uint8_t)('0' + (v & 7));
}

static void put_size(uint8_t *block, uint64_t v)
{
    const struct field f = size_field;

    if (v <= OCTAL_MAX) {
        put_octal(block, f, v);
        return;
    }
    block[f.at] = 0x80;
    for (size_t i = f.size - 1; i > 0; i--, v >>= 8)
        block[f.at + i] = (uint8_t)v;
}

/* The sum of all bytes, those of the sum itself taken as blanks. */
static void put_sum(uint8_t *block)
{
    struct field f = sum_field;
    uint64_t sum = 0;

    memset(block + f.at, ' ', f.size);
    for (size_t i = 0; i < TAR_BLOCK; i++)
        sum += block[i];
    f.size--; /* six digits, a NUL, a blank */
    put_octal(block, f, sum);
}

void tar_build(const struct tar_member *m, uint8_t out[TAR_BLOCK])
{
    int64_t modified = m->modified < 0 ? 0 : m->modified > TIME_MAX ? TIME_MAX : m->modified;

    assert(strlen(m->name) <= TAR_NAME_MAX && m->size <= TAR_SIZE_MAX);
    memset(out, 0, TAR_BLOCK);
    memcpy(out + name_field.at, m->name, strlen(m->name));
    put_octal(out, mode_field, m->mode & MODE_MAX);
    put_octal(out, uid_field, 0);
    put_octal(out, gid_field, 0);
    put_size(out, m->size);
    put_octal(out, time_field, (uint64_t)modified);
    out[TYPE_AT] = '0';
    memcpy(out + MAGIC_AT, MAGIC, sizeof MAGIC - 1);
    put_sum(out);
}

static bool take_octal(const uint8_t *block, struct field f, uint64_t *v)
{
    *v = 0;
    for (size_t i = 0; i < f.size - 1; i++) {
        uint8_t c = block[f.at + i];

        if (c < '0' || c > '7')
            return false;
        *v = *v << 3 | (uint64_t)(c - '0');
    }
    return block[f.at + f.size - 1] == 0;
}

static bool take_size(const uint8_t *block, uint64_t *v)
{
    const struct field f = size_field;

    if (block[f.at] != 0x80)
        return take_octal(block, f, v);
    *v = 0;
    for (size_t i = 1; i < f.size; i++) {
        if (*v > TAR_SIZE_MAX >> 8)
            return false;
        *v = *v << 8 | block[f.at + i];
    }
    return *v <= TAR_SIZE_MAX;
}

static bool is_zero(const uint8_t *block)
{
    static const uint8_t zero[TAR_BLOCK] = { 0 };

    return memcmp(block, zero, TAR_BLOCK) == 0;
}

/* What is taken out is put together again: whatever a block says besides is not ours. */
berth_err tar_parse(const uint8_t in[TAR_BLOCK], struct tar_member *out)
{
    uint64_t mode, modified;
    uint8_t again[TAR_BLOCK];
    struct tar_member m = { 0 };

    *out = m;
    if (is_zero(in))
        return BERTH_E_NOT_FOUND;
    memcpy(m.name, in + name_field.at, sizeof m.name);
    if (m.name[0] == '\0' || m.name[TAR_NAME_MAX] != '\0' || !take_size(in, &m.size) ||
        !take_octal(in, mode_field, &mode) || !take_octal(in, time_field, &modified) ||
        mode > MODE_MAX)
        return BERTH_E_SYNTAX;
    m.mode = (uint32_t)mode;
    m.modified = (int64_t)modified;
    tar_build(&m, again);
    if (memcmp(in, again, TAR_BLOCK) != 0)
        return BERTH_E_SYNTAX;
    *out = m;
    return BERTH_OK;
}
