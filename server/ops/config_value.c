#include <stdio.h>
#include <string.h>

#include "base/ascii.h"
#include "berth/str.h"
#include "ops/address.h"
#include "ops/config_table.h"

#define DNS_NAME_MAX  253
#define DNS_LABEL_MAX 63

/* What is told about a value that does not do. */
struct complaint {
    char *text;
    size_t size;
};

static berth_err complain(struct complaint w, const struct config_row *row, const char *value,
                          const char *wanted)
{
    (void)snprintf(w.text, w.size, "%s = %.200s: %s", row->key.name, value, wanted);
    return BERTH_E_SYNTAX;
}

static void *member(struct config *c, size_t at)
{
    return (char *)c + at;
}

static berth_err set_number(struct config *c, const struct config_row *row, const char *value,
                            struct complaint w)
{
    uint64_t v = 0;
    berth_err e = berth_str_to_u64(berth_str_of(value), &v);

    if (e == BERTH_E_SYNTAX)
        return complain(w, row, value, "not a whole number");
    if (e != BERTH_OK || v < row->least || v > row->most) {
        (void)snprintf(w.text, w.size, "%s = %.200s: not in %llu to %llu", row->key.name, value,
                       (unsigned long long)row->least, (unsigned long long)row->most);
        return BERTH_E_RANGE;
    }
    if (row->kind == CONFIG_U16)
        *(uint16_t *)member(c, row->at) = (uint16_t)v;
    else if (row->kind == CONFIG_U32)
        *(uint32_t *)member(c, row->at) = (uint32_t)v;
    else if (row->kind == CONFIG_UNSIGNED)
        *(unsigned *)member(c, row->at) = (unsigned)v;
    else
        *(size_t *)member(c, row->at) = (size_t)v;
    return BERTH_OK;
}

static berth_err set_text(struct config *c, const struct config_row *row, const char *value,
                          struct complaint w)
{
    size_t n = strlen(value);

    if (n >= row->size) {
        (void)snprintf(w.text, w.size, "%s: longer than %zu bytes", row->key.name, row->size - 1);
        return BERTH_E_RANGE;
    }
    memcpy(member(c, row->at), value, n + 1);
    return BERTH_OK;
}

static berth_err set_word(struct config *c, const struct config_row *row, const char *value,
                          struct complaint w)
{
    berth_str words = berth_str_of(row->words);

    while (words.n > 0) {
        if (berth_str_eq(berth_str_cut(&words, ' '), berth_str_of(value)))
            return set_text(c, row, value, w);
    }
    (void)snprintf(w.text, w.size, "%s = %.200s: not one of %s", row->key.name, value, row->words);
    return BERTH_E_SYNTAX;
}

static berth_err set_address(struct config *c, const struct config_row *row, const char *value,
                             struct complaint w)
{
    if (!address_is_literal(value))
        return complain(w, row, value, "not an IP address");
    return set_text(c, row, value, w);
}

static bool is_label(berth_str label)
{
    if (label.n == 0 || label.n > DNS_LABEL_MAX)
        return false;
    for (size_t i = 0; i < label.n; i++) {
        char c = label.p[i];

        /* '_' is no host name letter, yet container networks use it. */
        if (!ascii_is_alnum(c) && c != '_' && (c != '-' || i == 0 || i == label.n - 1))
            return false;
    }
    return true;
}

static bool is_host_name(berth_str name)
{
    if (name.n == 0 || name.n > DNS_NAME_MAX || name.p[name.n - 1] == '.')
        return false;
    while (name.n > 0)
        if (!is_label(berth_str_cut(&name, '.')))
            return false;
    return true;
}

/* Lower case: names compare without case everywhere, and the first becomes a record's key. */
static berth_err copy_entry(const struct config_row *row, berth_str entry, char *out)
{
    if (entry.n == 0)
        return BERTH_E_SYNTAX;
    if (entry.n >= row->size)
        return BERTH_E_RANGE;
    for (size_t i = 0; i < entry.n; i++)
        out[i] = ascii_lower(entry.p[i]);
    out[entry.n] = '\0';
    if (strlen(out) == entry.n && address_is_literal(out))
        return BERTH_OK;
    return row->kind == CONFIG_NAMES && is_host_name(entry) ? BERTH_OK : BERTH_E_SYNTAX;
}

static bool has_entry(const struct config *c, const struct config_row *row, size_t count,
                      const char *entry)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp((const char *)c + row->at + i * row->size, entry) == 0)
            return true;
    return false;
}

static berth_err add_entry(struct config *c, const struct config_row *row, berth_str entry,
                           struct complaint w)
{
    size_t *count = member(c, row->count_at);
    char text[256];

    if (copy_entry(row, entry, text) != BERTH_OK) {
        (void)snprintf(w.text, w.size, "%s: \"%.*s\" is not %s", row->key.name,
                       (int)(entry.n < 200 ? entry.n : 200), entry.p,
                       row->kind == CONFIG_NAMES ? "a host name or IP address" : "an IP address");
        return BERTH_E_SYNTAX;
    }
    if (has_entry(c, row, *count, text))
        return BERTH_OK;
    if (*count == row->most) {
        (void)snprintf(w.text, w.size, "%s: more than %llu", row->key.name,
                       (unsigned long long)row->most);
        return BERTH_E_RANGE;
    }
    memcpy((char *)member(c, row->at) + *count * row->size, text, strlen(text) + 1);
    ++*count;
    return BERTH_OK;
}

static berth_err set_list(struct config *c, const struct config_row *row, const char *value,
                          bool append, struct complaint w)
{
    struct config draft = *c;
    berth_str left = berth_str_of(value);

    if (!append)
        *(size_t *)member(&draft, row->count_at) = 0;
    if (left.n == 0)
        return complain(w, row, value, "empty");
    while (left.n > 0) {
        berth_str entry = berth_str_trim(berth_str_cut(&left, ','));
        berth_err e = add_entry(&draft, row, entry, w);

        if (e != BERTH_OK)
            return e;
    }
    *c = draft;
    return BERTH_OK;
}

berth_err config_apply(struct config *c, const struct config_row *row, const char *value,
                       bool append, char *problem, size_t problem_size)
{
    struct complaint w = { problem, problem_size };

    switch (row->kind) {
    case CONFIG_U16:
    case CONFIG_U32:
    case CONFIG_UNSIGNED:
    case CONFIG_SIZE:
        return set_number(c, row, value, w);
    case CONFIG_TEXT:
        return set_text(c, row, value, w);
    case CONFIG_WORD:
        return set_word(c, row, value, w);
    case CONFIG_ADDRESS:
        return set_address(c, row, value, w);
    case CONFIG_NAMES:
    case CONFIG_ADDRESSES:
        return set_list(c, row, value, append, w);
    }
    return BERTH_E_UNSUPPORTED;
}
