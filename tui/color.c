#include "tui/color.h"

#include <math.h>

static const uint32_t first16[16] = {
    0x000000, 0xcd3131, 0x0dbc79, 0xe5e510, 0x2472c8, 0xbc3fbc, 0x11a8cd, 0xe5e5e5,
    0x666666, 0xf14c4c, 0x23d18b, 0xf5f543, 0x3b8eea, 0xd670d6, 0x29b8db, 0xffffff};
static const uint8_t cube[6] = {0, 95, 135, 175, 215, 255};

bool mlr_rgb_parse(const char *s, size_t n, uint32_t *rgb)
{
    uint32_t v = 0;
    if (n != 7 || s[0] != '#') {
        return false;
    }
    for (size_t i = 1; i < 7; i++) {
        char c = s[i];
        int d = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : -1;
        if (d < 0) {
            return false;
        }
        v = v << 4 | (uint32_t)d;
    }
    *rgb = v;
    return true;
}

static uint32_t pack(unsigned r, unsigned g, unsigned b)
{
    return (uint32_t)(r << 16 | g << 8 | b);
}

uint32_t mlr_rgb_of_256(unsigned i)
{
    if (i < 16) {
        return first16[i];
    }
    if (i < 232) {
        i -= 16;
        return pack(cube[i / 36], cube[i / 6 % 6], cube[i % 6]);
    }
    unsigned grey = 8 + (i - 232) * 10;
    return i < 256 ? pack(grey, grey, grey) : 0;
}

static unsigned part(uint32_t rgb, int which)
{
    return rgb >> (16 - 8 * which) & 0xff;
}

static unsigned distance(uint32_t a, uint32_t b)
{
    static const unsigned weight[3] = {2, 4, 3};
    unsigned sum = 0;
    for (int i = 0; i < 3; i++) {
        int d = (int)part(a, i) - (int)part(b, i);
        sum += weight[i] * (unsigned)(d * d);
    }
    return sum;
}

static unsigned nearest(uint32_t rgb, unsigned first, unsigned last)
{
    unsigned best = first;
    for (unsigned i = first; i <= last; i++) {
        if (distance(rgb, mlr_rgb_of_256(i)) < distance(rgb, mlr_rgb_of_256(best))) {
            best = i;
        }
    }
    return best;
}

unsigned mlr_nearest_256(uint32_t rgb)
{
    return nearest(rgb, 16, 255);
}

unsigned mlr_nearest_16(uint32_t rgb)
{
    return nearest(rgb, 0, 15);
}

static double linear(unsigned v)
{
    double s = v / 255.0;
    return s <= 0.04045 ? s / 12.92 : pow((s + 0.055) / 1.055, 2.4);
}

static unsigned encoded(double v)
{
    double s = v <= 0.0031308 ? v * 12.92 : 1.055 * pow(v, 1 / 2.4) - 0.055;
    return s <= 0 ? 0 : s >= 1 ? 255 : (unsigned)(s * 255 + 0.5);
}

double mlr_luminance(uint32_t rgb)
{
    return 0.2126 * linear(part(rgb, 0)) + 0.7152 * linear(part(rgb, 1)) +
           0.0722 * linear(part(rgb, 2));
}

double mlr_contrast(uint32_t a, uint32_t b)
{
    double x = mlr_luminance(a) + 0.05;
    double y = mlr_luminance(b) + 0.05;
    return x > y ? x / y : y / x;
}

uint32_t mlr_rgb_mix(uint32_t a, uint32_t b, double t)
{
    unsigned v[3];
    for (int i = 0; i < 3; i++) {
        v[i] = encoded(linear(part(a, i)) * (1 - t) + linear(part(b, i)) * t);
    }
    return pack(v[0], v[1], v[2]);
}
