#include "ops/log.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/time.h"
#include "base/utf8.h"
#include "ops/log_crash.h"
#include "wire/json.h"

/* Kept for the end of a line that is cut: `,"truncated":true}` and the line feed. */
#define TAIL_ROOM 32
#define ROOM_MS   100 /* that whoever reads the log may be late, once; then lines are dropped */

static _Atomic int threshold = LOG_NOTICE;
static _Atomic bool text_form;
static _Atomic int target = STDERR_FILENO;
static _Atomic bool with_priority = true;

static _Thread_local struct log_gathered gathered;

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER; /* over the next two, and writing */
static bool stuck;                                       /* the last line found no room */
static int64_t lost;                                     /* lines dropped and not yet told */

static berth_str level_name(enum log_level level)
{
    switch (level) {
    case LOG_ERROR:
        return BERTH_STR("error");
    case LOG_WARNING:
        return BERTH_STR("warning");
    case LOG_NOTICE:
        return BERTH_STR("notice");
    case LOG_INFO:
        return BERTH_STR("info");
    case LOG_DEBUG:
        break;
    }
    return BERTH_STR("debug");
}

static berth_str shorten(berth_str s, bool *cut)
{
    *cut = *cut || s.n > LOG_TEXT_MAX;
    return berth_utf8_cut(s, LOG_TEXT_MAX);
}

/* Strangers have a say in it, and a terminal may show it: no control character stays as it is. */
static void put_quoted(struct berth_buf *b, berth_str s)
{
    berth_buf_put_char(b, '"');
    while (s.n > 0) {
        unsigned code;

        berth_json_escape(b, berth_utf8_cut_control(&s, &code));
        if (code == 0)
            continue;
        berth_buf_put(b, BERTH_STR("\\u"));
        berth_buf_put_hex(b, code, 4);
    }
    berth_buf_put_char(b, '"');
}

static bool is_plain(berth_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if (c <= ' ' || c >= 0x7f || c == '"' || c == '=' || c == '\\')
            return false;
    }
    return s.n > 0;
}

/* Quotes what could be read as another field, or by the terminal as a command. */
static void put_text_value(struct berth_buf *b, berth_str s)
{
    if (is_plain(s))
        berth_buf_put(b, s);
    else
        put_quoted(b, s);
}

static void put_field(struct berth_buf *b, const struct log_field *f, bool as_text, bool *cut)
{
    berth_str name = berth_str_of(f->name);

    berth_buf_put_char(b, as_text ? ' ' : ',');
    if (as_text) {
        berth_buf_put(b, name);
        berth_buf_put_char(b, '=');
    } else {
        put_quoted(b, name);
        berth_buf_put_char(b, ':');
    }
    if (f->text.p == NULL)
        berth_buf_put_i64(b, f->number);
    else if (as_text)
        put_text_value(b, shorten(f->text, cut));
    else
        put_quoted(b, shorten(f->text, cut));
}

static void put_priority(struct berth_buf *b, enum log_level level)
{
    if (!with_priority)
        return;
    berth_buf_put_char(b, '<');
    berth_buf_put_i64(b, level);
    berth_buf_put_char(b, '>');
}

static void put_head_json(struct berth_buf *b, enum log_level level, berth_str event)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    berth_buf_put(b, BERTH_STR("{\"time\":\""));
    berth_time_put(b, (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000);
    berth_buf_put(b, BERTH_STR("\",\"level\":\""));
    berth_buf_put(b, level_name(level));
    berth_buf_put(b, BERTH_STR("\",\"event\":"));
    put_quoted(b, event);
}

static void put_head_text(struct berth_buf *b, enum log_level level, berth_str event)
{
    time_t now = time(NULL);
    struct tm local;
    char clock[16];
    size_t n = strftime(clock, sizeof clock, "%H:%M:%S ", localtime_r(&now, &local));

    berth_buf_put(b, (berth_str){ clock, n });
    berth_buf_put(b, level_name(level));
    berth_buf_put_char(b, ' ');
    berth_buf_put(b, event);
}

/* As many fields as fit; those that do not are left out whole, and the line says so. */
static void put_fields(struct berth_buf *b, const struct log_field *fields, size_t count,
                       bool as_text)
{
    bool cut = false;

    for (size_t i = 0; i < count; i++) {
        size_t before = b->n;

        put_field(b, &fields[i], as_text, &cut);
        if (b->over) {
            b->over = false;
            b->n = before;
            cut = true;
        }
    }
    b->max += TAIL_ROOM;
    if (cut)
        berth_buf_put(b, as_text ? BERTH_STR(" truncated") : BERTH_STR(",\"truncated\":true"));
}

static size_t compose(char line[LOG_LINE_MAX], enum log_level level, const char *event,
                      const struct log_field *fields, size_t count)
{
    bool as_text = text_form, cut = false;
    struct berth_buf b;

    berth_buf_init(&b, line, LOG_LINE_MAX - TAIL_ROOM);
    put_priority(&b, level);
    if (as_text)
        put_head_text(&b, level, shorten(berth_str_of(event), &cut));
    else
        put_head_json(&b, level, shorten(berth_str_of(event), &cut));
    put_fields(&b, fields, count, as_text);
    berth_buf_put(&b, as_text ? BERTH_STR("\n") : BERTH_STR("}\n"));
    return b.n;
}

/* A pipe whose reader sleeps would else stop the loop, and with it everybody who is served. */
static bool has_room(int descriptor)
{
    struct pollfd p = { .fd = descriptor, .events = POLLOUT };
    int n;

    do
        n = poll(&p, 1, stuck ? 0 : ROOM_MS);
    while (n < 0 && errno == EINTR);
    stuck = n == 0;
    return !stuck;
}

/* One write of whole lines, PIPE_BUF bytes at most: those of several threads do not mix, also on a
 * pipe. */
static void write_lines(int descriptor, const char *text, size_t n)
{
    while (write(descriptor, text, n) < 0 && errno == EINTR)
        continue;
}

static void tell_lost(int descriptor)
{
    char line[LOG_LINE_MAX];
    size_t n = compose(line, LOG_WARNING, "log lines were lost: nobody read them",
                       &LOG_NUM("lines", lost), 1);

    write_lines(descriptor, line, n);
    lost = 0;
}

static void send_lines(const char *text, size_t n, int64_t lines)
{
    int descriptor = target;

    if (descriptor < 0)
        return;
    pthread_mutex_lock(&turn);
    if (lost > 0 && has_room(descriptor))
        tell_lost(descriptor);
    if (has_room(descriptor))
        write_lines(descriptor, text, n);
    else
        lost += lines;
    pthread_mutex_unlock(&turn);
}

void log_flush(void)
{
    size_t n = gathered.n;

    if (n > 0)
        send_lines(gathered.text, n, gathered.lines);
    gathered.n = 0;
    gathered.lines = 0;
}

void log_gather(bool on)
{
    gathered.on = on;
    log_flush();
    if (on)
        log_crash_keep(&gathered);
    else
        log_crash_forget(&gathered);
}

static void gather(const char *line, size_t n)
{
    if (gathered.n + n > sizeof gathered.text)
        log_flush();
    memcpy(gathered.text + gathered.n, line, n);
    gathered.n += n; /* a crash from here on writes it */
    gathered.lines++;
}

void log_write(enum log_level level, const char *event, const struct log_field *fields,
               size_t count)
{
    char line[LOG_LINE_MAX];
    int saved = errno;

    if ((int)level > threshold)
        return;
    size_t n = compose(line, level, event, fields, count);
    gather(line, n);
    if (!gathered.on || level < LOG_WARNING)
        log_flush();
    errno = saved;
}

void log_setup(enum log_level level, bool as_text)
{
    threshold = (int)level;
    text_form = as_text;
    with_priority = isatty(target) != 1;
}

void log_without_priority(void)
{
    with_priority = false;
}

void log_to(int descriptor)
{
    target = descriptor;
    with_priority = isatty(descriptor) != 1;
}

int log_descriptor(void)
{
    return target;
}

bool log_level_of(berth_str name, enum log_level *out)
{
    for (int level = LOG_ERROR; level <= LOG_DEBUG; level++) {
        if (berth_str_eq(name, level_name((enum log_level)level))) {
            *out = (enum log_level)level;
            return true;
        }
    }
    return false;
}
