/* A device against a service that sends anything. First byte: transport; second: size of reads. */
#include <assert.h>
#include <string.h>

#include "berth/provisioning.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static berth_err prepare(void *ctx, const uint8_t *key, size_t n, struct berth_hmac_key *out)
{
    (void)key;
    (void)n;
    out->impl = ctx;
    return BERTH_OK;
}

static berth_err hmac(void *ctx, struct berth_hmac_key *key, const berth_str *parts, size_t count,
                      uint8_t out[BERTH_SHA256_SIZE])
{
    (void)ctx;
    (void)key;
    (void)parts;
    (void)count;
    memset(out, 7, BERTH_SHA256_SIZE);
    return BERTH_OK;
}

static void release(void *ctx, struct berth_hmac_key *key)
{
    (void)ctx;
    key->impl = NULL;
}

static void wipe(void *ctx, void *p, size_t n)
{
    (void)ctx;
    memset(p, 0, n);
}

static void drive(struct berth_prov *p, const uint8_t *data, size_t size, size_t step)
{
    while (p->need != BERTH_PROV_DONE && p->need != BERTH_PROV_FAILED) {
        size_t n = size < step ? size : step;

        assert(p->tx_sent <= p->tx.n && !p->tx.over && p->rx_n <= BERTH_PROV_RX_MAX);
        if (p->need == BERTH_PROV_SEND) {
            berth_prov_sent(p, p->tx.n - p->tx_sent);
        } else if (p->need == BERTH_PROV_WAIT) {
            assert(p->wait_ms >= 1000 && p->wait_ms <= 300000);
            berth_prov_waited(p, 1);
        } else if (n == 0) {
            berth_prov_lost(p, BERTH_E_CLOSED);
        } else {
            berth_prov_received(p, data, n);
            data += n;
            size -= n;
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct berth_prov p;
    struct berth_crypto crypto = {
        .ctx = &p, .hmac_prepare = prepare, .hmac = hmac, .hmac_release = release, .wipe = wipe
    };
    struct berth_prov_options o = {
        .host = BERTH_STR("dps.example"),
        .id_scope = BERTH_STR("0ne00000001"),
        .registration_id = BERTH_STR("dev1"),
        .key = { .n = 32 },
    };

    if (size < 2)
        return 0;
    o.transport = data[0] % 2 == 0 ? BERTH_TRANSPORT_HTTPS : BERTH_TRANSPORT_MQTT;
    if (berth_prov_start(&p, &crypto, &o, 0) != BERTH_OK)
        return 0;
    drive(&p, data + 2, size - 2, (size_t)data[1] + 1);
    if (p.need == BERTH_PROV_DONE)
        assert(p.result.err == BERTH_OK && p.result.assigned_hub[0] != 0 && p.result.device_id[0]);
    else
        assert(p.result.err != BERTH_OK && p.result.message[0] != 0);
    berth_prov_end(&p);
    return 0;
}
