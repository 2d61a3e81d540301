#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/store/door.h"
#include "tests/store/fault_impl.h"

#define EVENTS_MAX (1u << 20)
#define STEPS_MAX  512
#define INODES_MAX 256
#define KEY_FILE   "store.key"

struct step {
    char text[96];
    unsigned count;
};

static struct {
    pthread_mutex_t lock;
    bool watching, sync_off;
    char directory[PATH_MAX];
    struct fault_plan plan;
    bool happened, lasting;
    enum fault_op failing_op;
    char failing_file[16];
    int64_t room; /* < 0: without end */
    int64_t used_first, used_most;
    struct fault_event *events;
    size_t count, capacity;
    struct step steps[STEPS_MAX];
    size_t step_count;
    struct fault_inode inodes[INODES_MAX];
    int inode_count;
    size_t key_at;
} log_ = { .lock = PTHREAD_MUTEX_INITIALIZER, .room = -1 };

static const char *const op_texts[] = {
#define X(name, text) [FAULT_##name] = (text),
    FAULT_OPS(X)
#undef X
};

/* ---- files ---- */

static void forget(void)
{
    for (size_t i = 0; i < log_.count; i++)
        free(log_.events[i].bytes);
    for (int i = 0; i < log_.inode_count; i++)
        free(log_.inodes[i].base);
    log_.count = 0;
    log_.inode_count = 0;
    log_.step_count = 0;
    log_.key_at = SIZE_MAX;
}

static struct fault_inode *add_inode(const char *name)
{
    struct fault_inode *f = &log_.inodes[log_.inode_count++];

    MUST(log_.inode_count <= INODES_MAX);
    *f = (struct fault_inode){ .live = true };
    (void)snprintf(f->name, sizeof f->name, "%s", name);
    return f;
}

static int find_live(const char *name)
{
    for (int i = log_.inode_count - 1; i >= 0; i--)
        if (log_.inodes[i].live && strcmp(log_.inodes[i].name, name) == 0)
            return i;
    return -1;
}

static void take_files(const char *directory)
{
    struct fault_image now;

    fault_image_load(directory, &now);
    for (size_t i = 0; i < now.count; i++) {
        struct fault_inode *f = add_inode(now.files[i].name);
        f->there = true;
        f->base = now.files[i].bytes;
        f->base_n = now.files[i].n;
        f->size = (int64_t)f->base_n;
        if (strcmp(f->name, KEY_FILE) == 0)
            log_.key_at = 0;
    }
}

int fault_log_open(const char *name, bool *made)
{
    *made = false;
    pthread_mutex_lock(&log_.lock);
    int i = log_.watching ? find_live(name) : -1;
    if (i < 0 && log_.watching) {
        (void)add_inode(name);
        i = log_.inode_count - 1;
        *made = true;
    }
    pthread_mutex_unlock(&log_.lock);
    return i;
}

void fault_log_deleted(const char *name)
{
    pthread_mutex_lock(&log_.lock);
    int i = find_live(name);
    if (i >= 0)
        log_.inodes[i].live = false;
    pthread_mutex_unlock(&log_.lock);
}

/* The store makes its key file by itself, synced and named before it goes on. */
static void look_for_key(void)
{
    char path[PATH_MAX + sizeof "/" KEY_FILE];

    if (log_.key_at != SIZE_MAX)
        return;
    (void)snprintf(path, sizeof path, "%s/" KEY_FILE, log_.directory);
    if (access(path, F_OK) == 0)
        log_.key_at = log_.count;
}

/* ---- steps ---- */

static struct step *step_named(const char *text)
{
    for (size_t i = 0; i < log_.step_count; i++)
        if (strcmp(log_.steps[i].text, text) == 0)
            return &log_.steps[i];
    struct step *s = &log_.steps[log_.step_count++];
    MUST(log_.step_count <= STEPS_MAX);
    (void)snprintf(s->text, sizeof s->text, "%s", text);
    s->count = 0;
    return s;
}

static struct step *step_of(enum fault_op op, const char *phase, const char *file)
{
    char text[96];

    if (op == FAULT_STATEMENT || op == FAULT_MARK)
        return step_named(phase);
    (void)snprintf(text, sizeof text, "%s: %s %s", phase, op_texts[op], file);
    return step_named(text);
}

static struct fault_event *append(const struct fault_event *e)
{
    MUST(log_.count < EVENTS_MAX);
    if (log_.count == log_.capacity) {
        log_.capacity = log_.capacity == 0 ? 1024 : 2 * log_.capacity;
        log_.events = realloc(log_.events, log_.capacity * sizeof *log_.events);
        MUST(log_.events != NULL);
    }
    struct fault_event *mine = &log_.events[log_.count++];
    *mine = *e;
    if (e->op == FAULT_WRITE && e->inode >= 0) {
        mine->bytes = malloc(e->n + 1);
        MUST(mine->bytes != NULL);
        memcpy(mine->bytes, e->bytes, e->n);
    } else {
        mine->bytes = NULL;
    }
    return mine;
}

/* ---- what becomes of a call ---- */

static bool is_due(const struct step *s)
{
    return !log_.happened && log_.plan.what != FAULT_NOTHING && s->count == log_.plan.nth &&
           strcmp(s->text, log_.plan.step) == 0;
}

static int judge(const struct fault_event *e, const struct step *s, const char *file)
{
    if (log_.lasting && e->op == log_.failing_op && strcmp(file, log_.failing_file) == 0)
        return log_.plan.rc;
    if (!is_due(s))
        return SQLITE_OK;
    log_.happened = true;
    if (log_.plan.what == FAULT_DIE)
        (void)kill(getpid(), SIGKILL);
    log_.lasting = log_.plan.lasting;
    log_.failing_op = e->op;
    (void)snprintf(log_.failing_file, sizeof log_.failing_file, "%s", file);
    return log_.plan.rc;
}

static int64_t used(void)
{
    int64_t sum = 0;

    for (int i = 0; i < log_.inode_count; i++)
        sum += log_.inodes[i].live ? log_.inodes[i].size : 0;
    return sum;
}

/* How much of a write the disk has room for. */
static size_t fitting(const struct fault_event *e)
{
    int64_t size = log_.inodes[e->inode].size;
    int64_t grows = e->offset + (int64_t)e->n - size;
    int64_t left = log_.room < 0 ? INT64_MAX : log_.room - used();

    if (grows <= 0 || grows <= left)
        return e->n;
    left = left < 0 ? 0 : left;
    return grows - left >= (int64_t)e->n ? 0 : e->n - (size_t)(grows - left);
}

static int shrink(struct fault_event *e, int rc)
{
    if (e->op != FAULT_WRITE)
        return rc;
    if (rc != SQLITE_OK)
        e->n /= 2;
    if (e->inode < 0)
        return rc;
    size_t fits = fitting(e);
    if (fits < e->n) {
        e->n = fits;
        rc = SQLITE_FULL;
        log_.happened = true;
    }
    return rc;
}

static void resize(const struct fault_event *e)
{
    int64_t end = e->op == FAULT_WRITE && e->n > 0 ? e->offset + (int64_t)e->n : 0;

    if (e->inode < 0)
        return;
    if (end > log_.inodes[e->inode].size)
        log_.inodes[e->inode].size = end;
    if (e->op == FAULT_TRUNCATE)
        log_.inodes[e->inode].size = e->offset;
    if (used() > log_.used_most)
        log_.used_most = used();
}

int fault_log_call(struct fault_event *e, const char *phase, const char *file)
{
    int rc = SQLITE_OK;

    pthread_mutex_lock(&log_.lock);
    if (log_.watching) {
        struct step *s = step_of(e->op, phase, file);
        look_for_key();
        s->count++;
        e->step = s->text;
        e->nth = s->count;
        rc = shrink(e, judge(e, s, file));
        e->failed = rc != SQLITE_OK;
        if (e->op == FAULT_WRITE || !e->failed || e->op == FAULT_SYNC)
            (void)append(e);
        if (e->op == FAULT_WRITE || !e->failed)
            resize(e);
    }
    pthread_mutex_unlock(&log_.lock);
    return rc;
}

/* ---- the test's side ---- */

void fault_begin(const char *directory, const struct fault_plan *plan, bool sync_off)
{
    forget();
    (void)snprintf(log_.directory, sizeof log_.directory, "%s", directory);
    take_files(directory);
    log_.plan = (struct fault_plan){ 0 };
    if (plan != NULL)
        log_.plan = *plan;
    log_.sync_off = sync_off;
    log_.happened = log_.lasting = false;
    log_.room = -1;
    log_.used_first = log_.used_most = used();
    log_.watching = true;
}

void fault_end(void)
{
    pthread_mutex_lock(&log_.lock);
    log_.watching = log_.sync_off = false;
    pthread_mutex_unlock(&log_.lock);
}

void fault_room(int64_t bytes)
{
    pthread_mutex_lock(&log_.lock);
    log_.room = bytes;
    pthread_mutex_unlock(&log_.lock);
}

int64_t fault_used(void)
{
    pthread_mutex_lock(&log_.lock);
    int64_t n = used();
    pthread_mutex_unlock(&log_.lock);
    return n;
}

int64_t fault_grown(void)
{
    return log_.used_most - log_.used_first;
}

void fault_mend(void)
{
    pthread_mutex_lock(&log_.lock);
    log_.plan.what = FAULT_NOTHING;
    log_.lasting = false;
    log_.room = -1;
    pthread_mutex_unlock(&log_.lock);
}

size_t fault_mark(const char *step)
{
    struct fault_event e = { .op = FAULT_MARK, .inode = -1 };

    (void)fault_log_call(&e, step, "");
    return log_.watching ? fault_count() - 1 : 0;
}

size_t fault_count(void)
{
    pthread_mutex_lock(&log_.lock);
    size_t n = log_.count;
    pthread_mutex_unlock(&log_.lock);
    return n;
}

const struct fault_event *fault_event(size_t i)
{
    MUST(i < log_.count);
    return &log_.events[i];
}

bool fault_happened(void)
{
    return log_.happened;
}

bool fault_log_sync_off(void)
{
    return log_.sync_off;
}

int fault_log_inodes(void)
{
    return log_.inode_count;
}

const struct fault_inode *fault_log_inode(int i)
{
    return &log_.inodes[i];
}

size_t fault_log_key_at(void)
{
    return log_.key_at;
}

const char *fault_log_directory(void)
{
    return log_.directory;
}
