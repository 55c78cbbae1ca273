/* Colour arithmetic: what a colour becomes on poorer terminals, and how readable it is. */
#ifndef MLR_TUI_COLOR_H
#define MLR_TUI_COLOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "#rrggbb". */
bool mlr_rgb_parse(const char *s, size_t n, uint32_t *rgb);

/* The colour an xterm shows for one of its 256 (the first 16 as most themes have them). */
uint32_t mlr_rgb_of_256(unsigned index);

/* Nearest in the 6x6x6 cube or the grey ramp: never 0 to 15, which users redefine. */
unsigned mlr_nearest_256(uint32_t rgb);
unsigned mlr_nearest_16(uint32_t rgb);

/* Relative luminance, 0 to 1, and contrast, 1 to 21, as WCAG 2 defines them. */
double mlr_luminance(uint32_t rgb);
double mlr_contrast(uint32_t a, uint32_t b);

/* Between a and b, t in 0 to 1, mixed in linear light. */
uint32_t mlr_rgb_mix(uint32_t a, uint32_t b, double t);

#endif
