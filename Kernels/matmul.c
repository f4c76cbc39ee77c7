// c = a b for square matrices, one work-group per tile of c; tiles of a and b go through group memory.
// A code object: see docs/softgpu.md.
#include "understudy_softgpu.h"

#define TILE 64

struct arguments {
    const float *a;
    const float *b;
    float *c;
    uint64_t size; // a multiple of TILE
};

void matmul(const void *pointer, const struct softgpu_group *group) {
    const struct arguments *arguments = pointer;
    uint64_t size = arguments->size;
    uint64_t row = (uint64_t)group->id[1] * TILE;
    uint64_t column = (uint64_t)group->id[0] * TILE;
    float(*restrict tile_b)[TILE] = group->memory;
    float(*restrict sum)[TILE] = tile_b + TILE;
    for (int i = 0; i < TILE; i++) {
        for (int j = 0; j < TILE; j++) {
            sum[i][j] = 0;
        }
    }
    for (uint64_t k = 0; k < size; k += TILE) {
        for (int i = 0; i < TILE; i++) {
            for (int j = 0; j < TILE; j++) {
                tile_b[i][j] = arguments->b[(k + i) * size + column + j];
            }
        }
        for (int i = 0; i < TILE; i += 4) {
            for (int j = 0; j < TILE; j += 16) {
                float block[4][16];
                for (int u = 0; u < 4; u++) {
                    for (int v = 0; v < 16; v++) {
                        block[u][v] = sum[i + u][j + v];
                    }
                }
                for (int l = 0; l < TILE; l++) {
                    for (int u = 0; u < 4; u++) {
                        float a = arguments->a[(row + i + u) * size + k + l];
                        for (int v = 0; v < 16; v++) {
                            block[u][v] += a * tile_b[l][j + v];
                        }
                    }
                }
                for (int u = 0; u < 4; u++) {
                    for (int v = 0; v < 16; v++) {
                        sum[i + u][j + v] = block[u][v];
                    }
                }
            }
        }
    }
    for (int i = 0; i < TILE; i++) {
        for (int j = 0; j < TILE; j++) {
            arguments->c[(row + i) * size + column + j] = sum[i][j];
        }
    }
}
