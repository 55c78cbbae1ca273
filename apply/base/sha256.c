#include "apply/base/sha256.h"

#include "apply/base/mem.h"

enum { BLOCK = 64, LENGTH_AT = 56 };

/* FIPS 180-4, 4.2.2. */
const uint32_t mlr_sha256_k[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
    0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
    0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
    0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
    0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
    0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
    0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
    0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
    0xc67178f2,
};

static inline uint32_t rotr(uint32_t x, unsigned n)
{
    return x >> n | x << (32 - n);
}

static inline uint32_t load_big(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void store_big(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 24);
    p[1] = (uint8_t)(v >> 16);
    p[2] = (uint8_t)(v >> 8);
    p[3] = (uint8_t)v;
}

/* Word t of the message schedule; a ring of sixteen words is all it looks back on. */
static inline uint32_t schedule(uint32_t w[16], unsigned t)
{
    uint32_t far = w[(t + 1) % 16];
    uint32_t near = w[(t + 14) % 16];
    uint32_t s0 = rotr(far, 7) ^ rotr(far, 18) ^ far >> 3;
    uint32_t s1 = rotr(near, 17) ^ rotr(near, 19) ^ near >> 10;
    w[t % 16] += s0 + w[(t + 9) % 16] + s1;
    return w[t % 16];
}

static void absorb_block(uint32_t state[8], const uint8_t *data)
{
    uint32_t w[16];
    for (unsigned t = 0; t < 16; t++) {
        w[t] = load_big(data + 4 * t);
    }
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
    for (unsigned t = 0; t < 64; t++) {
        uint32_t word = t < 16 ? w[t] : schedule(w, t);
        uint32_t s1 = rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25);
        uint32_t t1 = h + s1 + ((e & f) ^ (~e & g)) + mlr_sha256_k[t] + word;
        uint32_t s0 = rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22);
        uint32_t t2 = s0 + ((a & b) ^ (a & c) ^ (b & c));
        h = g;
        g = f;
        f = e;
        e = d + t1;
        d = c;
        c = b;
        b = a;
        a = t1 + t2;
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
    state[4] += e;
    state[5] += f;
    state[6] += g;
    state[7] += h;
}

void mlr_sha256_blocks_c(uint32_t state[8], const uint8_t *data, size_t blocks)
{
    for (; blocks > 0; blocks--, data += BLOCK) {
        absorb_block(state, data);
    }
}

void mlr_sha256_begin(mlr_sha256 *h, mlr_sha256_blocks absorb)
{
    *h = (mlr_sha256){
        .absorb = absorb != NULL ? absorb : mlr_sha256_blocks_c,
        .state = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c,
                  0x1f83d9ab, 0x5be0cd19},
    };
}

void mlr_sha256_add(mlr_sha256 *h, const void *data, size_t n)
{
    if (n == 0) {
        return;
    }
    const uint8_t *p = data;
    size_t waiting = (size_t)(h->total % BLOCK);
    h->total += n;
    if (waiting > 0) {
        size_t room = BLOCK - waiting;
        size_t take = n < room ? n : room;
        memcpy(h->block + waiting, p, take);
        if (take < room) {
            return;
        }
        h->absorb(h->state, h->block, 1);
        p += take;
        n -= take;
    }
    if (n >= BLOCK) {
        h->absorb(h->state, p, n / BLOCK);
    }
    memcpy(h->block, p + n / BLOCK * BLOCK, n % BLOCK);
}

/* A one bit, zeros, and the length in bits: one block more, or two. */
void mlr_sha256_end(mlr_sha256 *h, uint8_t digest[MLR_SHA256_BYTES])
{
    size_t at = (size_t)(h->total % BLOCK);
    h->block[at++] = 0x80;
    if (at > LENGTH_AT) {
        memset(h->block + at, 0, BLOCK - at);
        h->absorb(h->state, h->block, 1);
        at = 0;
    }
    memset(h->block + at, 0, LENGTH_AT - at);
    store_big(h->block + LENGTH_AT, (uint32_t)(h->total >> 29));
    store_big(h->block + LENGTH_AT + 4, (uint32_t)(h->total << 3));
    h->absorb(h->state, h->block, 1);
    for (size_t i = 0; i < 8; i++) {
        store_big(digest + 4 * i, h->state[i]);
    }
}
