/* Runs a fuzz target over saved inputs, so that any compiler replays the seeds. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        perror(path);
        return 1;
    }
    fseek(f, 0, SEEK_END);
    long size = ftell(f);
    rewind(f);
    uint8_t *data = malloc(size > 0 ? (size_t)size : 1);
    size_t n = data == NULL || size <= 0 ? 0 : fread(data, 1, (size_t)size, f);
    LLVMFuzzerTestOneInput(data, n);
    free(data);
    fclose(f);
    return 0;
}

int main(int argc, char **argv)
{
    int bad = 0;
    for (int i = 1; i < argc; i++) {
        bad |= replay(argv[i]);
    }
    printf("  ok    %s: %d seeds\n", argv[0], argc - 1);
    return bad;
}
