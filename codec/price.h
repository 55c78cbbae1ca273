/*
 * What decoding costs by a fixed table, so that a budget of time is held or broken alike on
 * every machine. Figures are rounded measurements of one thread on a desktop; other devices
 * are multiples of it. Planning never reads a clock.
 */
#ifndef MLR_CODEC_PRICE_H
#define MLR_CODEC_PRICE_H

#include "codec/plan.h"

/* Microseconds to decode `new_bytes` under a strategy. `device` may be NULL: desktop. */
uint64_t mlr_price_decode_us(unsigned strategy, uint64_t new_bytes,
                             const mlr_device *device);

/* New bytes that a desktop decodes in a microsecond (MB/s); 0 for an unknown strategy. */
unsigned mlr_price_speed(unsigned strategy);

/* How many times longer a device takes than a desktop. */
unsigned mlr_price_factor(const mlr_device *device);

#endif
