#include "store/sqlite/seal.h"

#include <string.h>

#define FORMAT     1
#define NONCE_SIZE 12
#define TAG_SIZE   16

_Static_assert(SEAL_OVERHEAD == 1 + NONCE_SIZE + TAG_SIZE, "layout of a sealed secret");

static EVP_CIPHER_CTX *keyed(const EVP_CIPHER *cipher, const uint8_t *key, int encrypt)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();

    if (ctx != NULL && EVP_CipherInit_ex2(ctx, cipher, key, NULL, encrypt, NULL) == 1)
        return ctx;
    EVP_CIPHER_CTX_free(ctx);
    return NULL;
}

berth_err sealer_init(struct sealer *s, const struct berth_crypto *crypto,
                      const uint8_t key[SEAL_KEY_SIZE])
{
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);

    *s = (struct sealer){ .crypto = crypto };
    if (cipher == NULL)
        return BERTH_E_CRYPTO;
    s->to_seal = keyed(cipher, key, 1);
    s->to_open = keyed(cipher, key, 0);
    EVP_CIPHER_free(cipher);
    return s->to_seal != NULL && s->to_open != NULL ? BERTH_OK : BERTH_E_CRYPTO;
}

void sealer_deinit(struct sealer *s)
{
    EVP_CIPHER_CTX_free(s->to_seal);
    EVP_CIPHER_CTX_free(s->to_open);
    *s = (struct sealer){ 0 };
}

static void put_u32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (24 - 8 * i));
}

/* Kind and length of the scope go first, so that no two places give the same bytes. */
static bool cover_place(EVP_CIPHER_CTX *ctx, const struct seal_place *place)
{
    uint8_t head[9] = { FORMAT };
    int n;

    put_u32(head + 1, place->kind);
    put_u32(head + 5, (uint32_t)place->scope.n);
    return EVP_CipherUpdate(ctx, NULL, &n, head, sizeof head) == 1 &&
           (place->scope.n == 0 || EVP_CipherUpdate(ctx, NULL, &n, (const uint8_t *)place->scope.p,
                                                    (int)place->scope.n) == 1) &&
           (place->key.n == 0 ||
            EVP_CipherUpdate(ctx, NULL, &n, (const uint8_t *)place->key.p, (int)place->key.n) == 1);
}

static bool pass_text(EVP_CIPHER_CTX *ctx, const uint8_t *in, size_t n, uint8_t *out)
{
    int written;

    return n == 0 || EVP_CipherUpdate(ctx, out, &written, in, (int)n) == 1;
}

berth_err sealer_seal(struct sealer *s, const struct seal_place *place, berth_str clear,
                      uint8_t *out)
{
    uint8_t *nonce = out + 1;
    uint8_t *text = nonce + NONCE_SIZE;
    int n;

    out[0] = FORMAT;
    if (s->crypto->random(s->crypto->ctx, nonce, NONCE_SIZE) != BERTH_OK ||
        EVP_CipherInit_ex2(s->to_seal, NULL, NULL, nonce, -1, NULL) != 1 ||
        !cover_place(s->to_seal, place) ||
        !pass_text(s->to_seal, (const uint8_t *)clear.p, clear.n, text) ||
        EVP_CipherFinal_ex(s->to_seal, text + clear.n, &n) != 1 ||
        EVP_CIPHER_CTX_ctrl(s->to_seal, EVP_CTRL_AEAD_GET_TAG, TAG_SIZE, text + clear.n) != 1)
        return BERTH_E_CRYPTO;
    return BERTH_OK;
}

berth_err sealer_open(struct sealer *s, const struct seal_place *place, berth_str blob,
                      uint8_t *out)
{
    const uint8_t *nonce = (const uint8_t *)blob.p + 1;
    uint8_t tag[TAG_SIZE];
    uint8_t none[1];
    int n;

    if (blob.n < SEAL_OVERHEAD || blob.p[0] != FORMAT)
        return BERTH_E_MISMATCH;
    size_t length = blob.n - SEAL_OVERHEAD;
    memcpy(tag, blob.p + blob.n - TAG_SIZE, TAG_SIZE);

    if (EVP_CipherInit_ex2(s->to_open, NULL, NULL, nonce, -1, NULL) == 1 &&
        cover_place(s->to_open, place) && pass_text(s->to_open, nonce + NONCE_SIZE, length, out) &&
        EVP_CIPHER_CTX_ctrl(s->to_open, EVP_CTRL_AEAD_SET_TAG, TAG_SIZE, tag) == 1 &&
        EVP_CipherFinal_ex(s->to_open, none, &n) == 1)
        return BERTH_OK;
    s->crypto->wipe(s->crypto->ctx, out, length);
    return BERTH_E_MISMATCH;
}
