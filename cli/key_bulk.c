#include "cli/key_bulk.h"

#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "berth/derive.h"
#include "berth/openssl.h"
#include "berth/registration_id.h"
#include "cli/tell.h"
#include "crypto/b64.h"

#define SHOWN_MAX 64  /* bytes of an ID in a message */
#define OUT_MAX   256 /* bytes of an ID with its key, as CSV or JSON */
#define FILE_MODE 0600

struct run {
    struct bulk bulk; /* its buffers are large */
    struct berth_crypto crypto;
    struct berth_hmac_key group_key;
    struct column id;
    bool json;
};

static void tell_bad_id(struct run *r, berth_str id, struct berth_id_check c)
{
    bulk_bad(&r->bulk, "the ID \"%.*s\" %s (character %zu)\n  %s",
             BERTH_STR_ARG(berth_utf8_cut(id, SHOWN_MAX)), berth_id_fault_text(c.fault),
             c.position + 1,
             c.fault == BERTH_ID_TOO_LONG || r->bulk.options->list == NULL
                 ? "is this the column of the IDs? --id-column says which"
                 : "a list has one ID a line; for columns use --csv");
}

/* An ID needs no quotes in either form, and base64 none. */
static void put(struct run *r, berth_str id, const struct berth_key *key)
{
    struct berth_buf *b = &r->bulk.sink.b;

    sink_room(&r->bulk.sink, OUT_MAX);
    if (r->json)
        berth_buf_put(b, BERTH_STR("{\"registrationId\":\""));
    berth_buf_put(b, id);
    berth_buf_put(b, r->json ? BERTH_STR("\",\"deviceKey\":\"") : BERTH_STR(","));
    berth_key_put(b, key);
    berth_buf_put(b, r->json ? BERTH_STR("\"}\n") : BERTH_STR("\n"));
}

/* False when OpenSSL fails: no later row would fare better. */
static bool take_row(struct run *r)
{
    berth_str id = columns_field(&r->id, &r->bulk.rows.row);
    struct berth_id_check c = berth_registration_id_check(id);
    struct berth_key key;

    if (c.fault != BERTH_ID_FINE) {
        tell_bad_id(r, id, c);
        return true;
    }
    if (berth_derive_key_prepared(&r->crypto, &r->group_key, id, &key) != BERTH_OK) {
        bulk_fatal(&r->bulk, "the key cannot be derived: %s", berth_err_text(BERTH_E_CRYPTO));
        return false;
    }
    put(r, id, &key);
    explicit_bzero(&key, sizeof key);
    r->bulk.good++;
    return true;
}

static int derive_rows(struct run *r)
{
    bool has_row, columns = r->bulk.options->list == NULL;
    int code = EXIT_CODE_OK;

    r->id.at = 0;
    if (columns)
        code = bulk_columns(&r->bulk, &r->id, 1, &has_row);
    else
        has_row = bulk_next(&r->bulk);
    if (code != EXIT_CODE_OK)
        return code;
    if (!r->json)
        berth_buf_put(&r->bulk.sink.b, BERTH_STR("registrationId,deviceKey\n"));
    while (has_row)
        has_row = take_row(r) && bulk_next(&r->bulk);
    return EXIT_CODE_OK;
}

static int prepare(struct run *r, const struct berth_key *group_key)
{
    berth_err e = berth_openssl_init(&r->crypto);

    if (e == BERTH_OK)
        e = r->crypto.hmac_prepare(r->crypto.ctx, group_key->bytes, group_key->n, &r->group_key);
    if (e == BERTH_OK)
        return EXIT_CODE_OK;
    berth_openssl_deinit(&r->crypto);
    return tell_failure(EXIT_CODE_FAILED, "the keys cannot be derived: %s", berth_err_text(e));
}

int key_bulk_derive(const struct bulk_options *o, const char *id_column,
                    const struct berth_key *group_key, bool json)
{
    static const char *const names[] = {
        "registrationid", "regid",     "registration",    "id",        "deviceid",
        "device",         "deviceids", "registrationids", "geraeteid", NULL
    };
    static struct run r;
    int code = prepare(&r, group_key);

    if (code != EXIT_CODE_OK)
        return code;
    r.json = json;
    r.id = (struct column){ "registration ID", "--id-column", id_column, names, true, 0 };
    code = bulk_begin(&r.bulk, o, FILE_MODE);
    if (code == EXIT_CODE_OK)
        code = derive_rows(&r);
    code = bulk_end(&r.bulk, code);
    r.crypto.hmac_release(r.crypto.ctx, &r.group_key);
    berth_openssl_deinit(&r.crypto);
    return code;
}
