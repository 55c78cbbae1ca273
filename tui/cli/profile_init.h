/* Writes profiles as text: a first one from a pair of models, and what the tuner found. */
#ifndef MLR_TUI_CLI_PROFILE_INIT_H
#define MLR_TUI_CLI_PROFILE_INIT_H

#include <stdio.h>

#include "codec/profile.h"

/* A first profile from what a pair shows: comments tell what was seen. */
void mlr_profile_print_first(FILE *f, const mlr_matching *m);

/* A profile as YAML. Reading it back gives the same profile. */
void mlr_profile_print(FILE *f, const mlr_profile *p);

/* "auto", "auto, neural" or the strategy's name. */
const char *mlr_choice_name(const mlr_choice *c);

/* A text as a YAML scalar: quoted, escaped. */
void mlr_yaml_quote(FILE *f, const char *text, size_t n);

#endif
