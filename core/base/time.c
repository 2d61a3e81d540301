#include "base/time.h"

#define MS_PER_DAY 86400000

static void put_padded(struct berth_buf *b, uint64_t v, unsigned digits)
{
    uint64_t unit = 1;

    while (--digits > 0)
        unit *= 10;
    for (; unit > 0; unit /= 10)
        berth_buf_put_char(b, (char)('0' + v / unit % 10));
}

/* Civil date of a day number; days are counted in eras of 400 years from 0000-03-01, so that leap
 * days end a year. */
static void civil(int64_t days, int64_t *year, unsigned *month, unsigned *day)
{
    int64_t since_era = days + 719468; /* days from 0000-03-01 to 1970-01-01 */
    int64_t era = (since_era >= 0 ? since_era : since_era - 146096) / 146097;
    unsigned day_of_era = (unsigned)(since_era - era * 146097);
    unsigned year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    unsigned shifted = (5 * day_of_year + 2) / 153; /* month counted from March */

    *day = day_of_year - (153 * shifted + 2) / 5 + 1;
    *month = shifted < 10 ? shifted + 3 : shifted - 9;
    *year = (int64_t)year_of_era + era * 400 + (*month <= 2);
}

void berth_time_put(struct berth_buf *b, int64_t ms)
{
    int64_t days, rest, year;
    unsigned month, day;

    if (ms == BERTH_TIME_NEVER) {
        berth_buf_put(b, BERTH_STR("0001-01-01T00:00:00Z"));
        return;
    }
    days = ms / MS_PER_DAY;
    rest = ms % MS_PER_DAY;
    if (rest < 0) {
        rest += MS_PER_DAY;
        days--;
    }
    civil(days, &year, &month, &day);
    put_padded(b, (uint64_t)year, 4);
    berth_buf_put_char(b, '-');
    put_padded(b, month, 2);
    berth_buf_put_char(b, '-');
    put_padded(b, day, 2);
    berth_buf_put_char(b, 'T');
    put_padded(b, (uint64_t)(rest / 3600000), 2);
    berth_buf_put_char(b, ':');
    put_padded(b, (uint64_t)(rest / 60000 % 60), 2);
    berth_buf_put_char(b, ':');
    put_padded(b, (uint64_t)(rest / 1000 % 60), 2);
    berth_buf_put_char(b, '.');
    put_padded(b, (uint64_t)(rest % 1000), 3);
    berth_buf_put(b, BERTH_STR("0000Z"));
}
