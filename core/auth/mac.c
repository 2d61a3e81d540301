#include "auth/mac.h"

#include <string.h>

#include "base/ascii.h"

#define DIGITS (2 * (size_t)BERTH_MAC_SIZE)

/* What was read: DIGITS values and how they were grouped. */
struct reading {
    uint8_t digits[DIGITS];
    size_t n;
    size_t sizes[BERTH_MAC_SIZE];
    size_t groups; /* the last one may be empty yet */
    char separator;
};

static bool skip_word(berth_str *s, berth_str word)
{
    if (!berth_str_ieq(berth_str_sub(*s, 0, word.n), word))
        return false;
    *s = berth_str_sub(*s, word.n, s->n);
    return true;
}

/* "MAC", "MAC ID", "MAC address" and what divides them from the address. No hex digit is an M: what
 * is left out cannot be part of an address. */
static berth_str without_label(berth_str s)
{
    berth_str rest = s;

    if (!skip_word(&rest, BERTH_STR("mac")))
        return s;
    rest = berth_str_trim(rest);
    if (!skip_word(&rest, BERTH_STR("address")) && !skip_word(&rest, BERTH_STR("addr")))
        (void)skip_word(&rest, BERTH_STR("id"));
    rest = berth_str_trim(rest);
    if (!berth_str_skip(&rest, BERTH_STR(":")))
        (void)berth_str_skip(&rest, BERTH_STR("="));
    return berth_str_trim(rest);
}

static enum berth_mac_fault take_digit(struct reading *r, int value)
{
    if (r->n == DIGITS)
        return BERTH_MAC_LENGTH;
    r->digits[r->n++] = (uint8_t)value;
    r->sizes[r->groups - 1]++;
    return BERTH_MAC_FINE;
}

static enum berth_mac_fault take_separator(struct reading *r, char c)
{
    if (c != ':' && c != '-' && c != '.' && c != ' ')
        return BERTH_MAC_BAD_CHARACTER;
    if (r->separator != '\0' && c != r->separator)
        return BERTH_MAC_MIXED;
    if (r->sizes[r->groups - 1] == 0 || r->groups == BERTH_MAC_SIZE)
        return BERTH_MAC_GROUPS;
    r->separator = c;
    r->groups++;
    return BERTH_MAC_FINE;
}

static enum berth_mac_fault judge(const struct reading *r)
{
    bool pairs = r->groups == BERTH_MAC_SIZE; /* may have lost their zeros */

    for (size_t i = 0; pairs && i < r->groups; i++)
        if (r->sizes[i] == 0 || r->sizes[i] > 2)
            return BERTH_MAC_GROUPS;
    if (pairs)
        return BERTH_MAC_FINE;
    if (r->n != DIGITS)
        return BERTH_MAC_LENGTH;
    for (size_t i = 0; i < r->groups; i++)
        if (r->groups == 4 || r->sizes[i] * r->groups != DIGITS) /* nobody writes threes */
            return BERTH_MAC_GROUPS;
    return BERTH_MAC_FINE;
}

static void fill(const struct reading *r, struct berth_mac *out)
{
    const uint8_t *d = r->digits;

    for (size_t i = 0; i < BERTH_MAC_SIZE; i++) {
        bool whole = r->groups != BERTH_MAC_SIZE || r->sizes[i] == 2;

        out->bytes[i] = (uint8_t)(whole ? d[0] << 4 | d[1] : d[0]);
        d += whole ? 2 : 1;
    }
}

static bool is_placeholder(const struct berth_mac *mac)
{
    static const struct berth_mac zeros, ones = { { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } };

    return memcmp(mac, &zeros, sizeof zeros) == 0 || memcmp(mac, &ones, sizeof ones) == 0;
}

struct berth_mac_check berth_mac_parse(berth_str text, struct berth_mac *out)
{
    struct reading r = { .groups = 1 };
    berth_str s = without_label(berth_str_trim(text));
    size_t start = s.n == 0 ? 0 : (size_t)(s.p - text.p);
    enum berth_mac_fault fault = BERTH_MAC_FINE;

    *out = (struct berth_mac){ { 0 } };
    if (s.n == 0)
        return (struct berth_mac_check){ BERTH_MAC_EMPTY, 0 };
    for (size_t i = 0; i < s.n; i++) {
        int value = ascii_hex_value(s.p[i]);

        fault = value >= 0 ? take_digit(&r, value) : take_separator(&r, s.p[i]);
        if (fault != BERTH_MAC_FINE)
            return (struct berth_mac_check){ fault, start + i };
    }
    fault = judge(&r);
    if (fault != BERTH_MAC_FINE)
        return (struct berth_mac_check){ fault, start + s.n };
    fill(&r, out);
    if (!is_placeholder(out))
        return (struct berth_mac_check){ BERTH_MAC_FINE, 0 };
    *out = (struct berth_mac){ { 0 } };
    return (struct berth_mac_check){ BERTH_MAC_PLACEHOLDER, start };
}

const char *berth_mac_fault_text(enum berth_mac_fault fault)
{
    switch (fault) {
    case BERTH_MAC_FINE:
        return "is fine";
    case BERTH_MAC_EMPTY:
        return "is empty";
    case BERTH_MAC_BAD_CHARACTER:
        return "has a character that is no hex digit";
    case BERTH_MAC_MIXED:
        return "mixes separators";
    case BERTH_MAC_GROUPS:
        return "is not grouped as 6 pairs, 3 fours or 2 sixes";
    case BERTH_MAC_LENGTH:
        return "does not have 12 hex digits";
    case BERTH_MAC_PLACEHOLDER:
        return "is a placeholder, no device's";
    }
    return "is not valid";
}

void berth_mac_put(struct berth_buf *b, const struct berth_mac *mac, char separator, unsigned group,
                   bool upper)
{
    const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";

    for (unsigned i = 0; i < DIGITS; i++) {
        uint8_t byte = mac->bytes[i / 2];

        if (i > 0 && i % group == 0)
            berth_buf_put_char(b, separator);
        berth_buf_put_char(b, digits[i % 2 == 0 ? byte >> 4 : byte & 15]);
    }
}
