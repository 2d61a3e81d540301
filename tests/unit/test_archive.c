/* The form of a backup: headers, manifest, seal; what is cut, flipped or crafted is refused. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backup/archive.h"
#include "backup/tar.h"
#include "berth/openssl.h"
#include "tests/unit/check.h"

#define PASSPHRASE BERTH_STR("correct horse battery")
#define CHEAP      ((struct sealed_cost){ SEALED_LOG_N_MIN, 1, 1 })

static struct berth_crypto crypto;

static int set_up(void **state)
{
    (void)state;
    return berth_openssl_init(&crypto) == BERTH_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    berth_openssl_deinit(&crypto);
    return 0;
}

/* ---- memory to write to and read from ---- */

struct memory {
    uint8_t *p;
    size_t n, room, at;
    size_t step; /* bytes given at once; 0: all */
};

static berth_err put(void *user, const uint8_t *p, size_t n)
{
    struct memory *m = user;

    if (n == 0)
        return BERTH_OK;
    if (m->n + n > m->room) {
        m->room = 2 * (m->n + n);
        m->p = realloc(m->p, m->room);
    }
    memcpy(m->p + m->n, p, n);
    m->n += n;
    return BERTH_OK;
}

static berth_err get(void *user, uint8_t *p, size_t size, size_t *n)
{
    struct memory *m = user;

    *n = m->n - m->at < size ? m->n - m->at : size;
    if (m->step > 0 && *n > m->step)
        *n = m->step;
    memcpy(p, m->p + m->at, *n);
    m->at += *n;
    return BERTH_OK;
}

/* The first N bytes in a block of their own, so that an overread shows. */
static struct memory copy_of(const struct memory *m, size_t n)
{
    struct memory copy = { .p = malloc(n + (n == 0)), .n = n };

    memcpy(copy.p, m->p, n);
    return copy;
}

/* ---- tar ---- */

static const struct {
    const char *name;
    struct tar_member m;
} members[] = {
    { "empty", { "a", 0, 0600, 0 } },
    { "usual", { "tls/ca.pem", 611, 0644, 1700000000 } },
    { "largest in octal", { "berth.db", UINT64_C(077777777777), 0600, 1 } },
    { "smallest in binary", { "berth.db", UINT64_C(0100000000000), 0600, 1 } },
    { "largest", { "berth.db", TAR_SIZE_MAX, 07777, 077777777777 } },
};

static void test_tar_round_trip(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        uint8_t block[TAR_BLOCK];
        struct tar_member got;

        tar_build(&members[i].m, block);
        CHECK(members[i].name, tar_parse(block, &got) == BERTH_OK);
        CHECK(members[i].name, strcmp(got.name, members[i].m.name) == 0);
        CHECK(members[i].name, got.size == members[i].m.size && got.mode == members[i].m.mode &&
                                   got.modified == members[i].m.modified);
    }
}

static void test_tar_longest_name(void **state)
{
    struct tar_member m = { .size = 1 }, got;
    uint8_t block[TAR_BLOCK];

    (void)state;
    memset(m.name, 'n', TAR_NAME_MAX);
    tar_build(&m, block);
    CHECK("99 bytes", tar_parse(block, &got) == BERTH_OK && strcmp(got.name, m.name) == 0);
    block[TAR_NAME_MAX] = 'n';
    CHECK("100 bytes", tar_parse(block, &got) == BERTH_E_SYNTAX);
}

/* Every bit of a header is under its checksum or fixed; what two flips could do, the exact form
 * refuses. */
static void test_tar_flips(void **state)
{
    struct tar_member got;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        for (size_t bit = 0; bit < 8 * TAR_BLOCK; bit++) {
            uint8_t block[TAR_BLOCK];

            tar_build(&members[i].m, block);
            block[bit / 8] ^= (uint8_t)(1 << bit % 8);
            CHECK(members[i].name, tar_parse(block, &got) == BERTH_E_SYNTAX);
        }
}

static void resum(uint8_t block[TAR_BLOCK])
{
    unsigned sum = 0;
    char text[8];

    memset(block + 148, ' ', 8);
    for (size_t i = 0; i < TAR_BLOCK; i++)
        sum += block[i];
    (void)snprintf(text, sizeof text, "%06o", sum);
    memcpy(block + 148, text, 7);
}

static const struct {
    const char *name;
    size_t at;
    const char *bytes;
} foreign[] = {
    { "a link", 156, "2" },
    { "a directory", 156, "5" },
    { "an extended header", 156, "x" },
    { "a long name", 156, "L" },
    { "a link's target", 157, "/etc/passwd" },
    { "a prefix", 345, ".." },
    { "an owner", 265, "root" },
    { "a device", 329, "0000001" },
    { "blanks instead of zeros", 124, "        123" },
};

static void test_tar_foreign(void **state)
{
    struct tar_member got;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(foreign); i++) {
        uint8_t block[TAR_BLOCK];

        tar_build(&members[1].m, block);
        memcpy(block + foreign[i].at, foreign[i].bytes, strlen(foreign[i].bytes));
        resum(block);
        CHECK(foreign[i].name, tar_parse(block, &got) == BERTH_E_SYNTAX);
    }
    uint8_t zeros[TAR_BLOCK] = { 0 };
    CHECK("the end", tar_parse(zeros, &got) == BERTH_E_NOT_FOUND);
}

/* ---- manifest ---- */

static const struct {
    const char *name;
    bool known;
} names[] = {
    { "berth.db", true },
    { "store.key", true },
    { "profile.ini", true },
    { "tls/ca.pem", true },
    { "tls/ca-next.key", true },
    { "elsewhere/berth.conf", true },
    { "", false },
    { "manifest.json", false },
    { "berth.lock", false },
    { "berth.db-wal", false },
    { "tls", false },
    { "tls/", false },
    { "tls/.", false },
    { "tls/..", false },
    { "tls/../store.key", false },
    { "tls/.hidden", false },
    { "tls/-rf", false },
    { "tls/a/b", false },
    { "tls//a", false },
    { "tls/a b", false },
    { "tls/a\n", false },
    { "tls\\a", false },
    { "../berth.db", false },
    { "/etc/passwd", false },
    { "./berth.db", false },
    { "elsewhere/../../x", false },
    { "Berth.db", false },
};

static void test_names(void **state)
{
    char longest[128] = "tls/";

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        CHECK(names[i].name, manifest_name_is_known(berth_str_of(names[i].name)) == names[i].known);
    CHECK("a NUL inside", !manifest_name_is_known(BERTH_STR("tls/a\0b")));
    memset(longest + 4, 'x', 95);
    CHECK("99 bytes", manifest_name_is_known((berth_str){ longest, 99 }));
    longest[99] = 'x';
    CHECK("100 bytes", !manifest_name_is_known((berth_str){ longest, 100 }));
}

#define SUM "0000000000000000000000000000000000000000000000000000000000000000"
#define FILE_OF(name, size)                                                                        \
    "{\"name\":\"" name "\",\"size\":" size ",\"mode\":\"0600\",\"sha256\":\"" SUM                 \
    "\",\"from\":\"/x\"}"
#define HEAD_OF(format, schema)                                                                    \
    "{\"format\":" format ",\"berth\":\"0.1.0\",\"schema\":" schema                                \
    ",\"time\":\"t\",\"dataDir\":\"/d\",\"hubs\":[\"h\"],\"files\":["
#define HEAD HEAD_OF("1", "2")
#define KEY  FILE_OF("store.key", "32")
#define DB   FILE_OF("berth.db", "4096")

static const struct {
    const char *name, *text;
    berth_err want;
} manifests[] = {
    { "the least", HEAD KEY "," DB "]}", BERTH_OK },
    { "another format", HEAD_OF("2", "2") KEY "," DB "]}", BERTH_E_UNSUPPORTED },
    { "schema 0", HEAD_OF("1", "0") KEY "," DB "]}", BERTH_E_RANGE },
    { "schema too large", HEAD_OF("1", "2147483648") KEY "," DB "]}", BERTH_E_RANGE },
    { "no key", HEAD DB "]}", BERTH_E_SYNTAX },
    { "no database", HEAD KEY "]}", BERTH_E_SYNTAX },
    { "a file twice", HEAD KEY "," DB "," KEY "]}", BERTH_E_SYNTAX },
    { "a name outside", HEAD KEY "," DB "," FILE_OF("../x", "1") "]}", BERTH_E_SYNTAX },
    { "an absolute name", HEAD KEY "," DB "," FILE_OF("/etc/shadow", "1") "]}", BERTH_E_SYNTAX },
    { "a negative size", HEAD KEY "," FILE_OF("berth.db", "-1") "]}", BERTH_E_RANGE },
    { "a small file at its bound", HEAD KEY "," DB "," FILE_OF("tls/a", "262144") "]}", BERTH_OK },
    { "a small file over it", HEAD KEY "," DB "," FILE_OF("tls/a", "262145") "]}", BERTH_E_RANGE },
    { "a large database", HEAD KEY "," FILE_OF("berth.db", "1125899906842624") "]}", BERTH_OK },
    { "too large", HEAD KEY "," FILE_OF("berth.db", "1125899906842625") "]}", BERTH_E_RANGE },
    { "another mode",
      HEAD DB ",{\"name\":\"store.key\",\"size\":1,\"mode\":\"4755\",\"sha256\":\"" SUM
              "\",\"from\":\"\"}]}",
      BERTH_E_SYNTAX },
    { "half a checksum",
      HEAD DB ",{\"name\":\"store.key\",\"size\":1,\"mode\":\"0600\",\"sha256\":\"00\","
              "\"from\":\"\"}]}",
      BERTH_E_SYNTAX },
    { "no list", "{\"format\":1}", BERTH_E_SYNTAX },
    { "no object", "[]", BERTH_E_SYNTAX },
    { "nothing", "", BERTH_E_SYNTAX },
};

static void test_manifest(void **state)
{
    static struct manifest m;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(manifests); i++)
        CHECK(manifests[i].name,
              manifest_parse(berth_str_of(manifests[i].text), &m) == manifests[i].want);
}

static void fill_manifest(struct manifest *m, size_t files)
{
    memset(m, 0, sizeof *m);
    strcpy(m->berth, "0.1.0");
    m->schema = 2;
    strcpy(m->time, "2026-11-23T00:00:00.0000000Z");
    strcpy(m->data_dir, "/var/lib/berth");
    strcpy(m->hubs[m->hub_count++], "dps.plant.example");
    for (size_t i = 0; i < files; i++) {
        struct manifest_file *f = &m->files[m->count++];

        if (i < 2)
            strcpy(f->name, i == 0 ? MANIFEST_KEY : MANIFEST_DATABASE);
        else
            (void)snprintf(f->name, sizeof f->name, MANIFEST_TLS "f%zu", i);
        f->mode = i == 2 ? 0644 : 0600;
    }
}

static void test_manifest_round_trip(void **state)
{
    static struct manifest m, got;
    static char text[MANIFEST_TEXT_MAX];
    struct berth_buf b;

    (void)state;
    fill_manifest(&m, MANIFEST_FILES_MAX);
    while (m.hub_count < MANIFEST_HUBS_MAX)
        strcpy(m.hubs[m.hub_count++], "h");
    memset(m.data_dir, '\x01', sizeof m.data_dir - 1); /* six bytes each, escaped */
    for (size_t i = 0; i < m.count; i++)
        memset(m.files[i].from, '\x01', sizeof m.files[i].from - 1);
    berth_buf_init(&b, text, sizeof text);
    manifest_put(&b, &m);
    CHECK("the largest fits", !b.over);
    CHECK("and is read", manifest_parse(berth_buf_str(&b), &got) == BERTH_OK);
    CHECK("as it was", memcmp(&m, &got, sizeof m) == 0);
}

static void test_manifest_too_many(void **state)
{
    static struct manifest m;
    static char text[MANIFEST_TEXT_MAX];
    struct berth_buf b;

    (void)state;
    berth_buf_init(&b, text, sizeof text);
    berth_buf_put(&b, BERTH_STR(HEAD KEY "," DB));
    for (size_t i = 2; i < MANIFEST_FILES_MAX + 1; i++) {
        char file[256];

        (void)snprintf(file, sizeof file,
                       ",{\"name\":\"tls/f%zu\",\"size\":0,\"mode\":\"0600\","
                       "\"sha256\":\"" SUM "\",\"from\":\"\"}",
                       i);
        berth_buf_put(&b, berth_str_of(file));
    }
    berth_buf_put(&b, BERTH_STR("]}"));
    CHECK("65 files", manifest_parse(berth_buf_str(&b), &m) == BERTH_E_RANGE);
}

/* ---- seal ---- */

static struct memory seal(const uint8_t *p, size_t n, size_t step)
{
    struct memory out = { 0 };
    struct byte_sink sink = { put, &out };
    struct sealed_writer *w = malloc(sizeof *w);

    CHECK("begun", sealed_begin(w, PASSPHRASE, CHEAP, &crypto, &sink) == BERTH_OK);
    for (size_t at = 0; at < n; at += step)
        CHECK("put", sealed_put(w, p + at, n - at < step ? n - at : step) == BERTH_OK);
    CHECK("finished", sealed_finish(w) == BERTH_OK);
    sealed_writer_deinit(w);
    free(w);
    return out;
}

/* What is in IN, in heap memory of *N bytes; NULL and the error when it is not whole. */
static uint8_t *unseal(struct memory *in, berth_str passphrase, size_t *n, berth_err *e)
{
    struct byte_source source = { get, in };
    struct sealed_reader *r = malloc(sizeof *r);
    struct memory out = { 0 };
    uint8_t piece[10000];
    size_t came = 1;

    *e = sealed_open(r, passphrase, &crypto, &source);
    while (*e == BERTH_OK && came > 0) {
        *e = sealed_get(r, piece, sizeof piece, &came);
        if (*e == BERTH_OK)
            (void)put(&out, piece, came);
    }
    sealed_reader_deinit(r);
    free(r);
    *n = out.n;
    if (*e == BERTH_OK)
        return out.p != NULL ? out.p : calloc(1, 1);
    free(out.p);
    return NULL;
}

static berth_err unseal_only(struct memory *in, berth_str passphrase)
{
    berth_err e;
    size_t n;

    free(unseal(in, passphrase, &n, &e));
    return e;
}

static void test_seal_round_trip(void **state)
{
    static const size_t sizes[] = { 0,
                                    1,
                                    SEALED_CHUNK - 1,
                                    SEALED_CHUNK,
                                    SEALED_CHUNK + 1,
                                    2 * SEALED_CHUNK,
                                    3 * SEALED_CHUNK + 17 };
    uint8_t *content = malloc(4 * SEALED_CHUNK);

    (void)state;
    for (size_t i = 0; i < 4 * SEALED_CHUNK; i++)
        content[i] = (uint8_t)(i * 7 + i / 256);
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct memory sealed = seal(content, sizes[i], 1000 + i * 31111);
        berth_err e;
        size_t n;

        sealed.step = i % 2 == 0 ? 0 : 777;
        uint8_t *got = unseal(&sealed, PASSPHRASE, &n, &e);
        CHECK("whole", got != NULL && n == sizes[i] && memcmp(got, content, n) == 0);
        CHECK("a chunk is not the last for being full",
              sealed.n == SEALED_HEADER_SIZE + sizes[i] +
                              SEALED_TAG * (sizes[i] == 0 ? 1 : (sizes[i] - 1) / SEALED_CHUNK + 1));
        free(got);
        free(sealed.p);
    }
    free(content);
}

static void test_seal_passphrase(void **state)
{
    struct memory sealed = seal((const uint8_t *)"text", 4, 4);
    static const char *const others[] = { "correct horse batterz", "correct horse batter",
                                          "correct horse battery ", "Correct horse battery", "" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        sealed.at = 0;
        CHECK(others[i], unseal_only(&sealed, berth_str_of(others[i])) == BERTH_E_MISMATCH);
    }
    free(sealed.p);
}

static void test_seal_every_prefix(void **state)
{
    struct memory sealed = seal((const uint8_t *)"a text of 26 bytes, sealed", 26, 26);

    (void)state;
    for (size_t n = 0; n < sealed.n; n++) {
        struct memory part = copy_of(&sealed, n);

        CHECK("a prefix", unseal_only(&part, PASSPHRASE) == BERTH_E_SYNTAX);
        free(part.p);
    }
    free(sealed.p);
}

static void test_seal_every_bit(void **state)
{
    struct memory sealed = seal((const uint8_t *)"a text of 26 bytes, sealed", 26, 26);

    (void)state;
    for (size_t bit = 0; bit < 8 * sealed.n; bit++) {
        struct memory copy = copy_of(&sealed, sealed.n);

        copy.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
        /* a cost that is flipped up takes seconds, and is within its bounds */
        if (bit / 8 != 9 || bit % 8 == 7)
            CHECK("a flipped bit", unseal_only(&copy, PASSPHRASE) != BERTH_OK);
        free(copy.p);
    }
    free(sealed.p);
}

/* Whole chunks, in another order or number than they were written. */
static void test_seal_chunks(void **state)
{
    const size_t full = SEALED_CHUNK + SEALED_TAG;
    uint8_t *content = calloc(3, SEALED_CHUNK);
    struct memory sealed = seal(content, 3 * SEALED_CHUNK, SEALED_CHUNK);
    struct memory other = seal(content, 3 * SEALED_CHUNK, SEALED_CHUNK);
    uint8_t *body = sealed.p + SEALED_HEADER_SIZE;

    (void)state;
    struct memory cut = copy_of(&sealed, sealed.n - full);
    CHECK("without the last", unseal_only(&cut, PASSPHRASE) == BERTH_E_SYNTAX);
    struct memory swapped = copy_of(&sealed, sealed.n);
    memcpy(swapped.p + SEALED_HEADER_SIZE, body + full, full);
    memcpy(swapped.p + SEALED_HEADER_SIZE + full, body, full);
    CHECK("swapped", unseal_only(&swapped, PASSPHRASE) == BERTH_E_SYNTAX);
    struct memory mixed = copy_of(&sealed, sealed.n);
    memcpy(mixed.p + SEALED_HEADER_SIZE, other.p + SEALED_HEADER_SIZE, full);
    CHECK("of another archive", unseal_only(&mixed, PASSPHRASE) == BERTH_E_SYNTAX);
    (void)put(&sealed, (const uint8_t *)"x", 1);
    CHECK("one byte more", unseal_only(&sealed, PASSPHRASE) == BERTH_E_SYNTAX);
    free(cut.p);
    free(swapped.p);
    free(mixed.p);
    free(other.p);
    free(sealed.p);
    free(content);
}

static const struct {
    const char *name;
    struct sealed_cost cost;
    berth_err want;
} costs[] = {
    { "least", { 10, 1, 1 }, BERTH_OK },
    { "N too small", { 9, 1, 1 }, BERTH_E_RANGE },
    { "usual", { 17, 8, 1 }, BERTH_OK },
    { "twice the usual memory", { 18, 8, 1 }, BERTH_OK },
    { "more than that", { 18, 9, 1 }, BERTH_E_RANGE },
    { "a gigabyte", { 20, 8, 1 }, BERTH_E_RANGE },
    { "twice the usual time", { 17, 8, 2 }, BERTH_OK },
    { "more time than that", { 17, 8, 3 }, BERTH_E_RANGE },
    { "largest N", { 20, 2, 1 }, BERTH_OK },
    { "with more", { 20, 3, 1 }, BERTH_E_RANGE },
    { "N too large", { 21, 1, 1 }, BERTH_E_RANGE },
    { "N beyond any shift", { 255, 1, 1 }, BERTH_E_RANGE },
    { "largest r", { 17, 16, 1 }, BERTH_OK },
    { "r too large", { 10, 17, 1 }, BERTH_E_RANGE },
    { "r is 0", { 10, 0, 1 }, BERTH_E_RANGE },
    { "largest p", { 10, 1, 4 }, BERTH_OK },
    { "p too large", { 10, 1, 5 }, BERTH_E_RANGE },
    { "p is 0", { 10, 1, 0 }, BERTH_E_RANGE },
};

static void test_seal_costs(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(costs); i++) {
        uint8_t header[SEALED_HEADER_SIZE] = "berthbak\x01";
        struct sealed_cost got;

        header[9] = costs[i].cost.log_n;
        header[10] = costs[i].cost.r;
        header[11] = costs[i].cost.p;
        CHECK(costs[i].name, sealed_judge(header, &got) == costs[i].want);
    }
}

/* ---- the whole ---- */

static const char *const texts[] = { "thirty-two bytes of a store key!", "not a database", "pem" };

static struct memory write_archive(struct manifest *m, bool sealed)
{
    struct archive_content contents[3] = { 0 };
    struct backup_problem problem = { 0 };
    struct memory out = { 0 };

    fill_manifest(m, 3);
    for (size_t i = 0; i < 3; i++) {
        berth_str s = berth_str_of(texts[i]);

        m->files[i].size = s.n;
        CHECK("sum", crypto.sha256(crypto.ctx, &s, 1, m->files[i].sha256) == BERTH_OK);
        contents[i].p = (const uint8_t *)texts[i];
    }
    struct archive_writing w = {
        .name = "a", .manifest = m, .contents = contents, .out = { put, &out }, .problem = &problem
    };
    CHECK("written", (sealed ? archive_write(&w, PASSPHRASE, CHEAP, &crypto)
                             : archive_write_plain(&w)) == BERTH_OK);
    return out;
}

struct seen {
    size_t begun, ended, n;
    char text[256];
};

static berth_err on_begin(void *user, const struct manifest_file *f)
{
    (void)f;
    ((struct seen *)user)->begun++;
    return BERTH_OK;
}

static berth_err on_data(void *user, const uint8_t *p, size_t n)
{
    struct seen *s = user;

    memcpy(s->text + s->n, p, n);
    s->n += n;
    return BERTH_OK;
}

static berth_err on_end(void *user)
{
    ((struct seen *)user)->ended++;
    return BERTH_OK;
}

static berth_err read_plain(struct memory *in, struct seen *seen, struct backup_problem *problem)
{
    static struct manifest got;
    struct archive_visitor visitor = {
        .begin = on_begin, .data = on_data, .end = on_end, .user = seen
    };
    struct archive_reading r = { .name = "a",
                                 .visitor = seen == NULL ? NULL : &visitor,
                                 .problem = problem };
    struct byte_source source = { get, in };

    return archive_read_plain(&r, &source, &got);
}

static void test_archive(void **state)
{
    struct backup_problem problem = { 0 };
    static struct manifest m, got;
    struct memory plain = write_archive(&m, false), sealed = write_archive(&m, true);
    struct seen seen = { 0 };
    struct archive_reading r = { .name = "a", .problem = &problem };
    struct byte_source source = { get, &sealed };

    (void)state;
    CHECK("plain", read_plain(&plain, &seen, &problem) == BERTH_OK);
    CHECK("each file", seen.begun == 3 && seen.ended == 3);
    CHECK("its bytes", seen.n == strlen(texts[0]) + strlen(texts[1]) + strlen(texts[2]) &&
                           memcmp(seen.text, texts[0], strlen(texts[0])) == 0);
    CHECK("sealed", archive_read(&r, &source, PASSPHRASE, &crypto, &got) == BERTH_OK);
    CHECK("its manifest", memcmp(&m, &got, sizeof m) == 0);
    sealed.at = 0;
    CHECK("denied", archive_read(&r, &source, BERTH_STR("another"), &crypto, &got) != BERTH_OK &&
                        problem.fault == BACKUP_DENIED);
    free(plain.p);
    free(sealed.p);
}

static void test_archive_every_prefix(void **state)
{
    struct backup_problem problem = { 0 };
    static struct manifest m;
    struct memory plain = write_archive(&m, false);

    (void)state;
    for (size_t n = 0; n < plain.n; n++) {
        struct memory part = copy_of(&plain, n);

        CHECK("a prefix", read_plain(&part, NULL, &problem) == BERTH_E_SYNTAX);
        CHECK("says why", problem.text[0] != '\0');
        free(part.p);
    }
    free(plain.p);
}

/* Outside of the manifest's text, whose facts are free, every bit is judged. */
static void test_archive_every_bit(void **state)
{
    struct backup_problem problem;
    static struct manifest m;
    struct memory plain = write_archive(&m, false);
    struct tar_member first;

    (void)state;
    CHECK("manifest", tar_parse(plain.p, &first) == BERTH_OK);
    for (size_t bit = 0; bit < 8 * plain.n; bit++) {
        size_t at = bit / 8;
        struct memory copy = copy_of(&plain, plain.n);

        copy.p[at] ^= (uint8_t)(1 << bit % 8);
        berth_err e = read_plain(&copy, NULL, &problem);
        if (at < TAR_BLOCK || at >= TAR_BLOCK + first.size)
            CHECK("a flipped bit", e == BERTH_E_SYNTAX);
        free(copy.p);
    }
    free(plain.p);
}

static bool stop(void *user, uint64_t done, uint64_t whole)
{
    (void)user, (void)done, (void)whole;
    return false;
}

static void test_archive_interrupted(void **state)
{
    struct backup_problem problem = { 0 };
    static struct manifest m, got;
    struct memory plain = write_archive(&m, false);
    struct backup_watch watch = { stop, NULL };
    struct archive_reading r = { .name = "a", .watch = &watch, .problem = &problem };
    struct byte_source source = { get, &plain };

    (void)state;
    CHECK("ends", archive_read_plain(&r, &source, &got) == BERTH_E_CLOSED);
    CHECK("says so", problem.fault == BACKUP_INTERRUPTED);
    free(plain.p);
}

/* The passphrase's key takes half a second: whoever ends it meanwhile is told so, and nothing else.
 */
static void test_seal_interrupted(void **state)
{
    const struct backup_watch watch = { stop, NULL };
    struct backup_problem problem = { 0 };
    static struct manifest m, got;
    struct memory sealed = write_archive(&m, true), out = { 0 };
    struct archive_reading r = { .name = "a", .watch = &watch, .problem = &problem };
    struct byte_source source = { get, &sealed };
    struct archive_writing w = {
        .name = "a", .manifest = &m, .out = { put, &out }, .watch = &watch, .problem = &problem
    };

    (void)state;
    CHECK("ends, also of a wrong one",
          archive_read(&r, &source, BERTH_STR("another"), &crypto, &got) == BERTH_E_CLOSED);
    CHECK("says so", problem.fault == BACKUP_INTERRUPTED);
    problem = (struct backup_problem){ 0 };
    CHECK("ends writing", archive_write(&w, PASSPHRASE, CHEAP, &crypto) == BERTH_E_CLOSED);
    CHECK("says so too", problem.fault == BACKUP_INTERRUPTED);
    free(sealed.p);
    free(out.p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tar_round_trip),
        cmocka_unit_test(test_tar_longest_name),
        cmocka_unit_test(test_tar_flips),
        cmocka_unit_test(test_tar_foreign),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_manifest),
        cmocka_unit_test(test_manifest_round_trip),
        cmocka_unit_test(test_manifest_too_many),
        cmocka_unit_test(test_seal_round_trip),
        cmocka_unit_test(test_seal_passphrase),
        cmocka_unit_test(test_seal_every_prefix),
        cmocka_unit_test(test_seal_every_bit),
        cmocka_unit_test(test_seal_chunks),
        cmocka_unit_test(test_seal_costs),
        cmocka_unit_test(test_archive),
        cmocka_unit_test(test_archive_every_prefix),
        cmocka_unit_test(test_archive_every_bit),
        cmocka_unit_test(test_archive_interrupted),
        cmocka_unit_test(test_seal_interrupted),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
