/* Chooses a command, or the terminal UI when two models are given. */
#include <stdio.h>

#include "apply/version.h"

int main(void)
{
    puts("mallorn " MLR_VERSION);
    return 0;
}
